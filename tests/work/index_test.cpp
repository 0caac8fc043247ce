#include "work/index.hpp"

#include <map>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

using evmesh::work::Index;

namespace {

const auto anything = [](std::uint32_t) { return true; };

}  // namespace

TEST_CASE("an index finds what was added and not what was removed", "[work][index]") {
  Index index;
  CHECK_FALSE(index.find(7, anything));

  index.add(7, 1);
  index.add(7, 2);
  CHECK(index.find(7, [](std::uint32_t number) { return number == 2; }) == 2U);
  index.remove(7, 1);
  CHECK(index.find(7, anything) == 2U);
  index.remove(7, 1);
  index.remove(7, 2);
  CHECK_FALSE(index.find(7, anything));
}

TEST_CASE("an index holds what a map holds", "[work][index]") {
  rc::prop("the same as a map, with many of one hash", [] {
    Index index;
    std::map<std::uint32_t, std::uint64_t> model;  // number to hash
    const auto steps = *rc::gen::container<std::vector<std::pair<std::uint32_t, std::uint64_t>>>(
        rc::gen::pair(rc::gen::inRange<std::uint32_t>(0, 200), rc::gen::inRange<std::uint64_t>(0, 50)));
    for (const auto& [number, hash] : steps) {
      const auto known = model.find(number);
      if (known != model.end()) {
        index.remove(known->second, number);
        model.erase(known);
      } else {
        index.add(hash, number);
        model.emplace(number, hash);
      }
    }
    for (std::uint32_t number = 0; number < 200; ++number) {
      for (std::uint64_t hash = 0; hash < 50; ++hash) {
        const bool there = model.contains(number) && model[number] == hash;
        RC_ASSERT(index.find(hash, [&](std::uint32_t found) { return found == number; }).has_value() ==
                  there);
      }
    }
  });
}
