#pragma once

#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "core_rig.hpp"

namespace evmesh::work::test {

inline CoreMesh of(std::uint8_t nodes) {
  CoreMesh mesh;
  for (std::uint8_t number = 1; number <= nodes; ++number) mesh.add(number);
  for (std::uint8_t a = 1; a <= nodes; ++a) {
    for (std::uint8_t b = static_cast<std::uint8_t>(a + 1); b <= nodes; ++b) mesh.link(a, b);
  }
  mesh.run(200ms);
  return mesh;
}

/// Which of the other two adopts what a node owes.
inline std::uint8_t heir_of(CoreMesh& mesh, std::uint8_t owner) {
  for (std::uint8_t number = 1; number <= 3; ++number) {
    if (number == owner) continue;
    for (const auto& copy : mesh[number].core->copies_kept()) {
      if (copy.owner == node_id(owner)) return number;
    }
  }
  FAIL("nobody keeps a copy of node " << int{owner});
  return 0;
}

inline std::set<std::uint64_t> seqs(const std::vector<Job>& jobs) {
  std::set<std::uint64_t> numbers;
  for (const Job& job : jobs) numbers.insert(job.id.seq);
  return numbers;
}

}  // namespace evmesh::work::test
