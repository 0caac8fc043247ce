#pragma once

#include "base/clock.hpp"

namespace evmesh::bus {

/// Where the engine sleeps: until a descriptor is readable, somebody wakes it, or a time has come. `wake` and
/// `arm` may be called from any thread, `sleep` by one.
class Sleeper {
 public:
  /// `watched` is a descriptor of somebody else, -1 for none. Aborts nothing: when the system has no
  /// descriptors left, `usable` is false.
  explicit Sleeper(int watched);
  ~Sleeper();
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  [[nodiscard]] bool usable() const { return epoll_ >= 0 && event_ >= 0 && timer_ >= 0; }

  /// Ends the present or the next `sleep`.
  void wake();

  /// Ends a `sleep` at `when`; replaces the former time. MonoTime::max(): never.
  void arm(base::MonoTime when);

  void sleep();

 private:
  void watch(int descriptor) const;

  int epoll_;
  int event_;
  int timer_;
};

}  // namespace evmesh::bus
