#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace evmesh::work {

/// Keeps each text once, however often it is said: a broken listener says the same of every event.
/// Thread-bound.
class Texts {
 public:
  /// The number of `text`, to be given back by `release` as often as it was got.
  [[nodiscard]] std::uint32_t keep(std::string_view text);
  void release(std::uint32_t number);
  [[nodiscard]] std::string_view of(std::uint32_t number) const { return kept_[number].text; }

  /// Different texts at hand.
  [[nodiscard]] std::size_t count() const { return numbers_.size(); }

 private:
  struct Kept {
    std::string text;
    std::uint32_t uses = 0;
  };

  std::deque<Kept> kept_;  // nothing moves: the keys below look into it
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::vector<std::uint32_t> free_;
};

}  // namespace evmesh::work
