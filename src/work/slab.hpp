#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace evmesh::work {

/// Values under small numbers. Grows by pieces, so that nothing moves and no more than a piece is unused;
/// what is removed makes room for the next. Thread-bound.
template <class T>
class Slab {
 public:
  /// The number of a default value.
  std::uint32_t add() {
    if (!free_.empty()) {
      const std::uint32_t number = free_.back();
      free_.pop_back();
      return number;
    }
    if (used_ == pieces_.size() * piece) pieces_.push_back(std::make_unique<Piece>());
    return used_++;
  }

  void remove(std::uint32_t number) {
    (*this)[number] = T{};
    free_.push_back(number);
  }

  [[nodiscard]] T& operator[](std::uint32_t number) { return (*pieces_[number / piece])[number % piece]; }
  [[nodiscard]] const T& operator[](std::uint32_t number) const {
    return (*pieces_[number / piece])[number % piece];
  }

  /// One more than the highest number ever given.
  [[nodiscard]] std::uint32_t end() const { return used_; }

 private:
  static constexpr std::size_t piece = 1024;
  using Piece = std::array<T, piece>;

  std::vector<std::unique_ptr<Piece>> pieces_;
  std::vector<std::uint32_t> free_;
  std::uint32_t used_ = 0;
};

}  // namespace evmesh::work
