#pragma once

namespace evmesh::peers {

/// SIGTERM and SIGINT as something to poll, instead of a handler. Make it first in main(), before any thread,
/// because it blocks the two signals for this thread and those started later. SIGPIPE is ignored from then
/// on. One per process.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal();

  /// Readable when a signal has come.
  [[nodiscard]] int fd() const { return fd_; }

  /// True from the first signal on. Never blocks. Thread-bound to its user.
  [[nodiscard]] bool raised();

  /// The number of the signal that came first, for example SIGTERM; 0 before `raised` was true.
  [[nodiscard]] int number() const { return number_; }

 private:
  int fd_ = -1;
  int number_ = 0;
};

}  // namespace evmesh::peers
