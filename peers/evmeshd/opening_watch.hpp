#pragma once

#include <functional>
#include <thread>

#include "common/files.hpp"
#include "common/stop_signal.hpp"

namespace evmesh::daemon {

/// Watches for a signal while the main thread is inside `Node::open`, which cannot be interrupted. From its
/// making to its end nobody else may use `stop`.
class OpeningWatch {
 public:
  /// `on_signal` is called once, on a thread of its own, with the number of the first signal.
  OpeningWatch(peers::StopSignal& stop, std::function<void(int)> on_signal);
  OpeningWatch(const OpeningWatch&) = delete;
  OpeningWatch& operator=(const OpeningWatch&) = delete;
  ~OpeningWatch();

 private:
  void run();

  peers::StopSignal& stop_;
  const std::function<void(int)> on_signal_;
  const peers::Fd over_;  // an eventfd: the node is open, or could not be
  std::thread thread_;    // last: it uses all above
};

}  // namespace evmesh::daemon
