#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include <evmesh/bus.hpp>

namespace evmesh::bus {

/// A dispatch that waits for a thread.
struct AsyncDispatch {
  Event event;
  std::vector<RegistrationKey> keys;
  std::function<void(Result<Receipt>)> done;
};

/// What `dispatch_async` accepted and nobody has begun, in order and bounded. One runner at a time takes from
/// it. Thread-safe.
class AsyncQueue {
 public:
  struct Bounds {
    std::size_t items_max = 0;
    std::uint64_t bytes_max = 0;
  };

  /// Sends a runner on its way; false when there is none any more.
  using Start = std::function<bool()>;

  explicit AsyncQueue(Bounds bounds) : bounds_(bounds) {}

  /// Queues `dispatch`; starts a runner when none is on its way. `start` takes leaf locks only. Errors: busy.
  [[nodiscard]] Result<void> add(AsyncDispatch dispatch, const Start& start);

  /// Up to `max` that take no more than `bytes_max` together, oldest first; one always. The runner then calls
  /// `come_again`.
  [[nodiscard]] std::vector<AsyncDispatch> take(std::size_t max,
                                                std::uint64_t bytes_max = ~std::uint64_t{0});

  /// The runner gives its thread back, and comes again by `start` when more has been added.
  void come_again(const Start& start);

 private:
  struct Waiting {
    AsyncDispatch dispatch;
    std::uint64_t bytes = 0;
  };

  const Bounds bounds_;
  std::mutex mutex_;  // leaf; guards all below
  std::deque<Waiting> waiting_;
  std::uint64_t bytes_ = 0;
  bool started_ = false;
};

}  // namespace evmesh::bus
