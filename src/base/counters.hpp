#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace evmesh::base {

/// A number that only grows. Thread-safe.
class Counter {
 public:
  void add(std::uint64_t by = 1) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What happened in a node, by name. Names are those of the metrics, for example
/// `evmesh_events_dispatched_total`. Thread-safe.
class Counters {
 public:
  Counters() = default;
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  /// The counter of that name, made when it is first asked for. Lives as long as this object: parts ask once,
  /// when they are made, and keep the reference.
  [[nodiscard]] Counter& named(std::string_view name);

  /// All of them, sorted by name.
  [[nodiscard]] std::map<std::string, std::uint64_t> values() const;

 private:
  mutable std::mutex mutex_;  // guards the map; the counters in it are atomic and never move
  std::map<std::string, Counter, std::less<>> counters_;
};

}  // namespace evmesh::base
