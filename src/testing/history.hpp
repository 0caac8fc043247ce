#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/testing.hpp>

namespace evmesh::testing {

/// What happened, in order, up to a bound. Thread-bound.
class History {
 public:
  void add(Happening happening);

  [[nodiscard]] std::span<const Happening> all() const { return happenings_; }
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  [[nodiscard]] std::size_t count(What what, std::string_view name) const;
  [[nodiscard]] std::string story() const;

 private:
  std::vector<Happening> happenings_;
  std::uint64_t left_out_ = 0;
};

}  // namespace evmesh::testing
