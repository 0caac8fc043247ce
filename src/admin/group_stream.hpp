#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include <evmesh/listener.hpp>

#include "admin/stream.hpp"

namespace evmesh::admin {

/// Executions that programs outside make: each has a number and waits for the answer. Thread-safe.
class Deliveries {
 public:
  /// A new one of `owner`, or nothing when that was closed.
  [[nodiscard]] std::optional<std::uint64_t> open(const void* owner);

  /// Waits for its answer, once.
  [[nodiscard]] Outcome wait(std::uint64_t number, const std::stop_token& stop);

  /// False when nobody waits for it (any more).
  [[nodiscard]] bool answer(std::uint64_t number, Outcome outcome);

  /// All of `owner` fail, and it opens no more until it is forgotten.
  void close(const void* owner);
  void forget(const void* owner);

 private:
  struct Waiting {
    const void* owner = nullptr;
    std::optional<Outcome> outcome;
  };

  std::mutex mutex_;  // guards all below
  std::condition_variable_any answered_;
  std::map<std::uint64_t, Waiting> waiting_;
  std::set<const void*> closed_;
  std::uint64_t last_ = 0;
};

/// Runs a group by writing each event as a line that a program reads and then answers.
class GroupStream final : public Listener {
 public:
  GroupStream(std::shared_ptr<Deliveries> deliveries, std::shared_ptr<StreamBuffer> buffer,
              StreamFilter filter);
  ~GroupStream() override { deliveries_->forget(this); }

  [[nodiscard]] const std::string& bus() const { return filter_.bus; }
  [[nodiscard]] std::string name() const override { return "admin group stream"; }
  [[nodiscard]] ExecutionMode execution_mode() const override { return ExecutionMode::asynchronous; }
  [[nodiscard]] bool handles(const Event& event) const override;
  Outcome handle(const Delivery& delivery) override;

  /// Nobody reads any more: what runs has failed, and nothing else begins.
  void close() { deliveries_->close(this); }

 private:
  const std::shared_ptr<Deliveries> deliveries_;  // shared with all streams
  const std::shared_ptr<StreamBuffer> buffer_;    // shared with the connection
  const StreamFilter filter_;
};

}  // namespace evmesh::admin
