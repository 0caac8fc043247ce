#include "work/slab.hpp"

#include <catch2/catch.hpp>

using evmesh::work::Slab;

TEST_CASE("values keep their place while others come and go, and room is used again", "[work][slab]") {
  Slab<int> slab;
  const int* const first = &slab[slab.add()];
  for (int i = 1; i < 5'000; ++i) {
    const auto number = slab.add();
    CHECK(number == static_cast<std::uint32_t>(i));
    slab[number] = i;
  }

  CHECK(&slab[0] == first);
  CHECK(slab[4'999] == 4'999);
  slab.remove(17);
  CHECK(slab.add() == 17);
  CHECK(slab[17] == 0);
  CHECK(slab.end() == 5'000);
}
