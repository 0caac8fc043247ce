#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <evmesh/listener.hpp>

namespace evmesh::peer {

/// An append-only file whose lines outlive a kill -9: each is one write. Thread-safe.
class Ledger {
 public:
  explicit Ledger(const std::string& path);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  void line(const std::string& text);

 private:
  int fd_ = -1;
};

/// Counts what it gets, writes it down where a ledger is given, and stops inside its calls while it is stalled.
class LedgerListener final : public Listener {
 public:
  explicit LedgerListener(std::unique_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {}

  [[nodiscard]] std::string name() const override { return "peer"; }
  Outcome handle(const Delivery& delivery) override;
  void gap(const Gap& gap) override;

  void stall(bool stalled);

  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t gaps() const { return gaps_; }

 private:
  void wait_while_stalled();

  const std::unique_ptr<Ledger> ledger_;
  std::atomic<std::uint64_t> events_{0};
  std::atomic<std::uint64_t> gaps_{0};
  std::atomic<bool> stalled_{false};
  std::mutex mutex_;
  std::condition_variable released_;
};

}  // namespace evmesh::peer
