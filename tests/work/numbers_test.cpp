#include <map>

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "work/number_set.hpp"
#include "work/numbers.hpp"

using namespace evmesh;
using namespace evmesh::work;
using wire::NumberRange;

TEST_CASE("ranges that touch become one") {
  NumberSet set;
  set.add({5, 7});
  set.add({1, 2});
  set.add({9, 9});

  set.add({3, 4});
  set.add(8);

  CHECK(set.ranges() == std::vector<NumberRange>{{1, 9}});
}

TEST_CASE("the lowest hole is closed, and says how much it was") {
  NumberSet set;
  for (const std::uint64_t number : {1, 2, 6, 9}) set.add(number);

  const auto closed = set.close_lowest_hole();

  CHECK(closed == 3);
  CHECK(set.ranges() == std::vector<NumberRange>{{1, 6}, {9, 9}});
}

TEST_CASE("a set of numbers holds the highest number there is") {
  NumberSet set;
  set.add({~std::uint64_t{0}, ~std::uint64_t{0}});
  set.add({1, ~std::uint64_t{0} - 1});

  CHECK(set.ranges() == std::vector<NumberRange>{{1, ~std::uint64_t{0}}});
  CHECK(set.contains(~std::uint64_t{0}));
}

TEST_CASE("a set of numbers is what a set of single numbers is") {
  rc::prop("any ranges", [](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& adds) {
    NumberSet set;
    std::vector<bool> model(600);
    for (const auto& [at, length] : adds) {
      const std::uint64_t first = at + std::uint64_t{1};
      set.add({first, first + length / 8});
      for (std::uint64_t each = first; each <= first + length / 8; ++each) model[each] = true;
    }
    for (std::uint64_t each = 1; each < 600; ++each) RC_ASSERT(set.contains(each) == model[each]);
    for (std::size_t i = 1; i < set.ranges().size(); ++i) {
      RC_ASSERT(set.ranges()[i].first > set.ranges()[i - 1].last + 1);
    }
  });
}

TEST_CASE("values under numbers are found whatever goes and whatever stays") {
  rc::prop("any order", [](const std::vector<std::uint16_t>& steps) {
    Numbers<int> numbers;
    std::map<std::uint64_t, int> model;
    std::uint64_t next = 1;
    for (const std::uint16_t step : steps) {
      if (step % 3 != 0 || model.empty()) {
        next += step % 97 == 0 ? 10'000 : 1 + step % 2;
        numbers.add(next, step);
        model[next] = step;
      } else {
        const auto it = std::next(model.begin(), static_cast<std::ptrdiff_t>(step % model.size()));
        numbers.remove(it->first);
        model.erase(it);
      }
    }
    std::map<std::uint64_t, int> found;
    numbers.for_each([&](std::uint64_t number, int value) { found[number] = value; });
    RC_ASSERT(found == model);
    RC_ASSERT(numbers.size() == model.size());
    for (std::uint64_t at = next > 50 ? next - 50 : 1; at <= next; ++at) {
      const auto it = model.lower_bound(at);
      RC_ASSERT(numbers.next(at) == (it == model.end() ? std::nullopt : std::optional(it->first)));
      RC_ASSERT((numbers.find(at) != nullptr) == model.contains(at));
    }
  });
}

TEST_CASE("one that stays does not keep the places of a million that went") {
  Numbers<int> numbers;
  numbers.add(1, 1);

  for (std::uint64_t number = 2; number < 1'000'000; ++number) {
    numbers.add(number, 2);
    numbers.remove(number);
  }

  CHECK(numbers.size() == 1);
  CHECK(numbers.places() < 10'000);
  CHECK(*numbers.find(1) == 1);
}
