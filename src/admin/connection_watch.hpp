#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <thread>

namespace evmesh::admin {

/// Ends connections that take too long for what they are doing, however few bytes they keep sending. One
/// thread of its own. Thread-safe.
class ConnectionWatch {
 public:
  using Clock = std::chrono::steady_clock;

  ConnectionWatch();
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;
  ~ConnectionWatch();

  /// The socket `fd` has `time` from now for its next step; replaces what was said before.
  void allow(int fd, std::chrono::milliseconds time);

  /// The socket may take for ever.
  void allow_for_ever(int fd);

  /// The socket is about to be closed. To be called before its number can be used again.
  void closed(int fd);

  /// How many were ended.
  [[nodiscard]] std::uint64_t ended() const;

 private:
  void run();
  /// Shuts down what is over time; when the next one will be.
  [[nodiscard]] Clock::time_point end_late(Clock::time_point now);

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<int, Clock::time_point> deadlines_;
  std::uint64_t ended_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace evmesh::admin
