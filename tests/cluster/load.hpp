#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <evmesh/bus.hpp>

#include "ledger_listener.hpp"

namespace evmesh::peer {

/// What a load dispatches.
struct LoadPlan {
  std::vector<RegistrationKey> keys;  ///< one per event, in turn
  std::string label;                  ///< payloads are LABEL-1, LABEL-2 and so on, padded
  std::uint64_t count = 0;            ///< 0: until stopped
  std::uint64_t rate = 0;             ///< per second; 0: as fast as it goes
  std::uint64_t size = 0;             ///< payload bytes, at least what the label needs
};

/// Dispatches on a thread of its own; an event that is refused for want of room is dispatched again. Thread-safe.
class Load {
 public:
  Load(EventBus& bus, LoadPlan plan, std::unique_ptr<Ledger> ledger);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { stop(); }

  void stop();

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] std::string failure() const;

 private:
  void run();
  [[nodiscard]] bool dispatch(std::uint64_t number);

  EventBus& bus_;  // outlives the load
  const LoadPlan plan_;
  const std::unique_ptr<Ledger> ledger_;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<bool> running_{true};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;  // guards failure_
  std::string failure_;
  std::thread thread_;
};

}  // namespace evmesh::peer
