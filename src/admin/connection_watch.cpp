#include "admin/connection_watch.hpp"

#include <algorithm>

#include <sys/socket.h>

namespace evmesh::admin {

ConnectionWatch::ConnectionWatch() : thread_([this] { run(); }) {}

ConnectionWatch::~ConnectionWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ConnectionWatch::allow(int fd, std::chrono::milliseconds time) {
  const std::lock_guard lock(mutex_);
  deadlines_[fd] = Clock::now() + time;
  changed_.notify_all();
}

void ConnectionWatch::allow_for_ever(int fd) {
  const std::lock_guard lock(mutex_);
  deadlines_.erase(fd);
}

void ConnectionWatch::closed(int fd) { allow_for_ever(fd); }

std::uint64_t ConnectionWatch::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

ConnectionWatch::Clock::time_point ConnectionWatch::end_late(Clock::time_point now) {
  Clock::time_point next = now + std::chrono::hours{1};
  for (auto entry = deadlines_.begin(); entry != deadlines_.end();) {
    if (entry->second > now) {
      next = std::min(next, entry->second);
      ++entry;
      continue;
    }
    // Only shut down: the HTTP library sees the end and closes the socket itself.
    ::shutdown(entry->first, SHUT_RDWR);
    ++ended_;
    entry = deadlines_.erase(entry);
  }
  return next;
}

void ConnectionWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) changed_.wait_until(lock, end_late(Clock::now()));
}

}  // namespace evmesh::admin
