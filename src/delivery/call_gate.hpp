#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace evmesh::delivery {

/// Lets calls of one registration through until it is closed, and knows when the last one has ended.
/// Thread-safe. Entering and leaving an open gate is one atomic step each.
class CallGate {
 public:
  CallGate() = default;
  CallGate(const CallGate&) = delete;
  CallGate& operator=(const CallGate&) = delete;

  /// True: the call may run, and `leave` must follow. False: the gate is closed.
  [[nodiscard]] bool enter() noexcept;
  void leave();

  /// From now on nobody enters. Idempotent.
  void close();

  [[nodiscard]] bool open() const noexcept { return (state_.load() & closed_bit) == 0; }

  /// Waits until nobody is inside. Only after `close`; never on a thread that is inside.
  void wait();

  /// Calls `action` once when nobody is inside: on this thread when that is so already, else on the last that
  /// leaves. Only after `close`.
  void when_empty(std::function<void()> action);

 private:
  static constexpr std::uint32_t closed_bit = 1U << 31U;

  [[nodiscard]] bool empty() const noexcept { return state_.load() == closed_bit; }
  void announce_empty();

  std::atomic<std::uint32_t> state_{0};  // calls inside, and the closed bit
  std::mutex mutex_;                     // leaf; guards actions_
  std::condition_variable emptied_;
  std::vector<std::function<void()>> actions_;
};

}  // namespace evmesh::delivery
