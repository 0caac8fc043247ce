#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace evmesh::work {

/// Values under numbers that ascend and end about in their order, as deliveries do: a window over the latest
/// of them. The few that stay while all around them have gone are put aside, so that memory is a multiple of
/// what is there. Thread-bound.
template <class T>
class Numbers {
 public:
  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }

  /// Those that memory is used for.
  [[nodiscard]] std::size_t places() const { return old_.size() + window_.size(); }

  /// Null: there is none.
  [[nodiscard]] T* find(std::uint64_t number) {
    if (number < base_) {
      const auto it = old_.find(number);
      return it == old_.end() ? nullptr : &it->second;
    }
    if (number - base_ >= window_.size()) return nullptr;
    auto& place = window_[number - base_];
    return place ? &*place : nullptr;
  }

  /// `number`, at least 1, is not there. A reference to any value is invalid then.
  void add(std::uint64_t number, T value) {
    ++count_;
    if (number < base_) {
      old_.emplace(number, std::move(value));
      return;
    }
    if (number - base_ >= window_.size() + slack) set_aside_all();
    if (window_.empty()) base_ = number;
    if (number - base_ >= window_.size()) window_.resize(number - base_ + 1);
    window_[number - base_] = std::move(value);
    while (window_.size() > slack && (count_ - old_.size()) * 4 < window_.size()) set_aside_first();
  }

  /// `number` is there.
  void remove(std::uint64_t number) {
    --count_;
    if (number < base_) {
      old_.erase(number);
      return;
    }
    window_[number - base_].reset();
    pop_empty();
  }

  /// The lowest number from `from` on that is there.
  [[nodiscard]] std::optional<std::uint64_t> next(std::uint64_t from) const {
    if (from < base_) {
      const auto it = old_.lower_bound(from);
      if (it != old_.end()) return it->first;
      from = base_;
    }
    for (std::uint64_t at = from - base_; at < window_.size(); ++at) {
      if (window_[at]) return base_ + at;
    }
    return std::nullopt;
  }

  /// `visit(number, value)`, ascending. Nothing is added or removed meanwhile.
  template <class Visit>
  void for_each(const Visit& visit) {
    for (auto& [number, value] : old_) visit(number, value);
    for (std::size_t at = 0; at < window_.size(); ++at) {
      if (window_[at]) visit(base_ + at, *window_[at]);
    }
  }

 private:
  static constexpr std::size_t slack = 4096;

  void pop_empty() {
    while (!window_.empty() && !window_.front()) {
      window_.pop_front();
      ++base_;
    }
  }
  void set_aside_first() {
    old_.emplace(base_, std::move(*window_.front()));
    window_.front().reset();
    pop_empty();
  }
  void set_aside_all() {
    while (!window_.empty()) set_aside_first();
  }

  std::map<std::uint64_t, T> old_;
  std::uint64_t base_ = 1;
  std::deque<std::optional<T>> window_;  // from base_ on; the first is there
  std::size_t count_ = 0;
};

}  // namespace evmesh::work
