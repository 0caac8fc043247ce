#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace evmesh::work {

/// Finds numbers by a hash of what they stand for: 8 bytes each in a table that is at most half
/// full. Hashes that differ in nothing but their last three bits stand in one line of the cache: what comes
/// and goes together should have such. Thread-bound.
class Index {
 public:
  Index();

  void add(std::uint64_t hash, std::uint32_t number);

  /// `number` was added under `hash`.
  void remove(std::uint64_t hash, std::uint32_t number);

  /// The first number under `hash` that `is` it.
  template <class Is>
  [[nodiscard]] std::optional<std::uint32_t> find(std::uint64_t hash, const Is& is) const {
    const auto mark = mark_of(hash);
    for (std::size_t at = home(mark); places_[at].number != nobody; at = next(at)) {
      if (places_[at].mark == mark && is(places_[at].number)) return places_[at].number;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t nobody = ~std::uint32_t{0};
  static constexpr std::uint32_t line = 7;  // of 64 bytes, places but one
  struct Place {
    std::uint32_t mark = 0;
    std::uint32_t number = nobody;
  };

  [[nodiscard]] static std::uint32_t mark_of(std::uint64_t hash) {
    std::uint64_t mixed = (hash >> 3) * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ mixed >> 32) * 0xff51afd7ed558ccdULL;
    return (static_cast<std::uint32_t>(mixed >> 32) & ~line) | (static_cast<std::uint32_t>(hash) & line);
  }
  [[nodiscard]] std::size_t home(std::uint32_t mark) const { return mark & (places_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (places_.size() - 1); }
  void put(Place place);
  void grow();

  std::vector<Place> places_;  // a power of two of them
  std::size_t count_ = 0;
};

}  // namespace evmesh::work
