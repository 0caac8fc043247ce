#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace evmesh::sim {

using base::MonoTime;

/// Virtual time: things to do, in the order of their times; those of the same time in the order they were planned.
class Timeline {
 public:
  [[nodiscard]] MonoTime now() const { return now_; }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

  void at(MonoTime when, std::function<void()> what) {
    heap_.push_back({std::max(when, now_), ++planned_, std::move(what)});
    std::ranges::push_heap(heap_, later);
  }
  void after(std::chrono::nanoseconds wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }

  /// Does the next thing. False when that would be later than `end`: then it is `end`.
  bool step(MonoTime end) {
    if (heap_.empty() || heap_.front().at > end) {
      now_ = std::max(now_, end);
      return false;
    }
    std::ranges::pop_heap(heap_, later);
    const Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.at;
    ++steps_;
    entry.what();
    return true;
  }

 private:
  struct Entry {
    MonoTime at;
    std::uint64_t order = 0;
    std::function<void()> what;
  };
  static bool later(const Entry& one, const Entry& other) {
    return std::pair(one.at, one.order) > std::pair(other.at, other.order);
  }

  MonoTime now_{std::chrono::hours{1}};
  std::uint64_t planned_ = 0;
  std::uint64_t steps_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace evmesh::sim
