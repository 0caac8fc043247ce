#pragma once

#include <cstddef>

namespace evmesh::test {

/// What this thread allocated while `Allocations` lives: together, and at most at one time.
class Allocations {
 public:
  Allocations();
  [[nodiscard]] std::size_t total_bytes() const;
  [[nodiscard]] std::size_t peak_bytes() const;

 private:
  std::size_t live_before_;
  std::size_t total_before_;
};

}  // namespace evmesh::test
