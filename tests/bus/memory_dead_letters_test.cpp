#include "bus/memory_dead_letters.hpp"

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

TEST_CASE("the same event stored twice is two letters, in the order they were stored",
          "[bus][dead-letters]") {
  base::Counters counters;
  MemoryDeadLetters letters({}, counters);
  const Event event = sample();

  const auto first = must(letters.store(group("a"), event, {key("K:1")}, {{1, {}, {}, "broken"}}));
  const auto second = must(letters.store(group("a"), event, {}, {}));

  CHECK(first != second);
  CHECK(must(letters.ids(group("a"))) == std::vector<DeadLetterId>{first, second});
  const auto found = must(letters.find(group("a"), first));
  REQUIRE(found.has_value());
  CHECK(found->id == first);
  CHECK(found->event == event);
  CHECK(found->keys == std::vector<RegistrationKey>{key("K:1")});
  CHECK(found->attempts.at(0).error == "broken");
}

TEST_CASE("removing one letter leaves the others in order", "[bus][dead-letters]") {
  base::Counters counters;
  MemoryDeadLetters letters({}, counters);
  const auto first = must(letters.store(group("a"), sample(), {}, {}));
  const auto second = must(letters.store(group("a"), sample(), {}, {}));
  const auto third = must(letters.store(group("a"), sample(), {}, {}));

  CHECK(must(letters.remove(group("a"), second)));
  CHECK_FALSE(must(letters.remove(group("a"), second)));
  CHECK_FALSE(must(letters.remove(group("b"), first)));

  CHECK(must(letters.ids(group("a"))) == std::vector<DeadLetterId>{first, third});
}

TEST_CASE("a group is listed while it holds a letter", "[bus][dead-letters]") {
  base::Counters counters;
  MemoryDeadLetters letters({}, counters);
  CHECK(must(letters.empty()));
  const auto in_b = must(letters.store(group("b"), sample(), {}, {}));
  must(letters.store(group("a"), sample(), {}, {}));
  must(letters.store(group("a"), sample(), {}, {}));
  CHECK(must(letters.groups()) == std::vector<Group>{group("a"), group("b")});

  CHECK(must(letters.remove(group("a"))) == 2);
  CHECK(must(letters.remove(group("a"))) == 0);
  CHECK(must(letters.groups()) == std::vector<Group>{group("b")});
  CHECK(must(letters.remove(group("b"), in_b)));
  CHECK(must(letters.empty()));
}

TEST_CASE("letters over the bound are refused and counted, and fit again after a removal",
          "[bus][dead-letters]") {
  base::Counters counters;
  MemoryDeadLetters letters({.letters_max = 2}, counters);
  const auto first = must(letters.store(group("a"), sample(), {}, {}));
  must(letters.store(group("b"), sample(), {}, {}));

  CHECK(code(letters.store(group("a"), sample(), {}, {})) == ErrorCode::storage);
  CHECK(counters.named("evmesh_dead_letters_refused_total").value() == 1);
  CHECK(must(letters.remove(group("a"), first)));
  CHECK(letters.store(group("a"), sample(), {}, {}).has_value());
  CHECK(counters.named("evmesh_dead_letters_stored_total").value() == 3);
}

TEST_CASE("the bytes of letters are bounded too, and given back", "[bus][dead-letters]") {
  base::Counters counters;
  MemoryDeadLetters letters({.bytes_max = 10'000}, counters);
  const Event large = sample(std::string(6'000, 'x'));
  must(letters.store(group("a"), large, {}, {}));

  CHECK(code(letters.store(group("a"), large, {}, {})) == ErrorCode::storage);
  CHECK(must(letters.remove(group("a"))) == 1);
  CHECK(letters.store(group("a"), large, {}, {}).has_value());
}

TEST_CASE("the id of a dead letter survives printing", "[bus][dead-letters][N21]") {
  const DeadLetterId id = DeadLetterId::fresh();

  CHECK(must(DeadLetterId::parse(id.to_string())) == id);
  CHECK(code(DeadLetterId::parse("")) == ErrorCode::invalid_argument);
}
