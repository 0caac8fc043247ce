#include "registry/registry.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::registry;

namespace {

RegistrationKey key(const std::string& value) { return RegistrationKey::make("Test", value).value(); }

Group group(const std::string& name) { return Group::parse(name).value(); }

/// Without whose gate it is, which is the registration's own unless a listener matches by several.
std::vector<Match> plain(const Matches& found) {
  std::vector<Match> matches(found.begin(), found.end());
  for (Match& match : matches) match.holder = 0;
  return matches;
}

std::vector<Match> matches(const Registry& registry, const std::vector<RegistrationKey>& keys) {
  Matches found;
  registry.match(keys, found);
  return plain(found);
}

std::vector<Match> matches_with_each_node(const Registry& registry,
                                          const std::vector<RegistrationKey>& keys) {
  Matches found;
  registry.match_with_each_node(keys, found);
  return plain(found);
}

std::vector<Entry> entries(const Registry& registry, const RegistrationKey& key) {
  const auto found = registry.entries(key);
  return {found.begin(), found.end()};
}

}  // namespace

TEST_CASE("a key without listeners matches nobody", "[registry][L01]") {
  const Registry registry(10);

  CHECK(matches(registry, {key("1")}).empty());
  CHECK(entries(registry, key("1")).empty());
}

TEST_CASE("added listeners match in the order of registration", "[registry][L02][L03]") {
  Registry registry(10);

  REQUIRE(registry.add(key("1"), {7, 40, 3, {}}));
  REQUIRE(registry.add(key("1"), {5, 50, 2, {}}));

  CHECK(matches(registry, {key("1")}) == std::vector<Match>{{50, 5, 2, 0}, {40, 7, 3, 0}});
}

TEST_CASE("a removed listener does not match", "[registry][L04]") {
  Registry registry(10);
  REQUIRE(registry.add(key("1"), {1, 1, 0, {}}));
  REQUIRE(registry.add(key("1"), {2, 2, 0, {}}));

  registry.remove(key("1"), 1);

  CHECK(matches(registry, {key("1")}) == std::vector<Match>{{2, 2, 0, 0}});
}

TEST_CASE("the first listener of a key is told apart from the second", "[registry][L05][L06]") {
  Registry registry(10);

  CHECK(registry.add(key("1"), {1, 1, 0, {}}).value());
  CHECK_FALSE(registry.add(key("1"), {2, 2, 0, {}}).value());
  CHECK(registry.add(key("2"), {3, 1, 0, {}}).value());
}

TEST_CASE("only removing the last listener of a key reports the last", "[registry][L07][L08]") {
  Registry registry(10);
  REQUIRE(registry.add(key("1"), {1, 1, 0, {}}));
  REQUIRE(registry.add(key("1"), {2, 2, 0, {}}));

  CHECK_FALSE(registry.remove(key("1"), 1));
  CHECK(registry.remove(key("1"), 2));
  CHECK_FALSE(registry.remove(key("1"), 2));
  CHECK_FALSE(registry.remove(key("never"), 2));
  CHECK(registry.key_count() == 0);
}

TEST_CASE("the same registration twice on a key is once", "[registry]") {
  Registry registry(10);

  REQUIRE(registry.add(key("1"), {1, 1, 3, {}}));
  REQUIRE(registry.add(key("1"), {1, 1, 3, {}}));

  CHECK(entries(registry, key("1")).size() == 1);
  CHECK(registry.remove(key("1"), 1));
}

TEST_CASE("a listener registered twice on a key matches once until both are gone", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add(key("1"), {1, 9, 3, {}}));
  REQUIRE(registry.add(key("1"), {2, 9, 5, {}}));

  CHECK(matches(registry, {key("1")}) == std::vector<Match>{{9, 1, 3, 0}});
  CHECK_FALSE(registry.remove(key("1"), 1));
  CHECK(matches(registry, {key("1")}) == std::vector<Match>{{9, 2, 5, 0}});
  CHECK(registry.remove(key("1"), 2));
  CHECK(matches(registry, {key("1")}).empty());
}

TEST_CASE("a listener on several keys of an event matches once, with its first key and smallest version",
          "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add(key("1"), {1, 9, 3, {}}));
  REQUIRE(registry.add(key("2"), {2, 8, 4, {}}));
  REQUIRE(registry.add(key("2"), {3, 9, 9, {}}));

  CHECK(matches(registry, {key("2"), key("1")}) == std::vector<Match>{{9, 1, 3, 0}, {8, 2, 4, 0}});
  CHECK(matches(registry, {key("other"), key("2")}) == std::vector<Match>{{8, 2, 4, 1}, {9, 3, 9, 1}});
}

TEST_CASE("a key named twice in a dispatch matches once", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add(key("1"), {1, 9, 3, {}}));

  CHECK(matches(registry, {key("1"), key("1")}) == std::vector<Match>{{9, 1, 3, 0}});
}

TEST_CASE("keys are compared whole", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add(key("ab"), {1, 1, 0, {}}));
  REQUIRE(registry.add(RegistrationKey::make("Test", "").value(), {2, 2, 0, {}}));

  CHECK(matches(registry, {key("a"), key("abc"), key("AB"), key("*")}).empty());
  CHECK(matches(registry, {key("")}).size() == 1);
}

TEST_CASE("keys match as texts too", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add(key("1"), {1, 9, 3, {}}));
  REQUIRE(registry.add_each_node({2, 8, 4, {}}) == true);
  const std::vector<std::string_view> texts{"Test:2", "Test:1"};

  Matches found;
  registry.match(texts, found);
  Matches with_each_node;
  registry.match_with_each_node(texts, with_each_node);

  CHECK(plain(found) == std::vector<Match>{{9, 1, 3, 1}});
  CHECK(plain(with_each_node) == std::vector<Match>{{9, 1, 3, 1}, {8, 2, 4, no_key}});
}

TEST_CASE("a call goes through the registration of the key that it is told", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add(key("2"), {1, 9, 3, {}}) == true);
  REQUIRE(registry.add(key("1"), {2, 9, 4, {}}) == true);
  const std::vector<std::string_view> texts{"Test:1", "Test:2"};

  Matches found;
  registry.match(texts, found);

  REQUIRE(found.size() == 1);
  CHECK(found[0].key == 0);
  CHECK(found[0].holder == 2);
  CHECK(found[0].registration == 1);
}

TEST_CASE("each-node listeners match every event, whatever its keys", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add_each_node({2, 8, 4, {}}));
  REQUIRE_FALSE(registry.add_each_node({3, 7, 5, {}}));

  CHECK(matches_with_each_node(registry, {}) == std::vector<Match>{{8, 2, 4, no_key}, {7, 3, 5, no_key}});
  CHECK(matches(registry, {key("1")}).empty());
}

TEST_CASE("a listener registered by key and each-node matches once, by key", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add_each_node({1, 8, 4, {}}));
  REQUIRE(registry.add(key("1"), {2, 8, 6, {}}));

  CHECK(matches_with_each_node(registry, {key("1")}) == std::vector<Match>{{8, 1, 4, 0}});
}

TEST_CASE("the last each-node listener is reported", "[registry]") {
  Registry registry(10);
  registry.add_each_node({1, 8, 0, {}});
  registry.add_each_node({2, 7, 0, {}});

  CHECK_FALSE(registry.remove_each_node(1));
  CHECK(registry.remove_each_node(2));
  CHECK_FALSE(registry.remove_each_node(2));
  CHECK(registry.each_node().empty());
}

TEST_CASE("the bound counts distinct keys and refuses the next one by name", "[registry]") {
  Registry registry(2);
  REQUIRE(registry.add(key("1"), {1, 1, 0, {}}));
  REQUIRE(registry.add(key("2"), {1, 1, 0, {}}));

  const auto third = registry.add(key("3"), {1, 1, 0, {}});

  REQUIRE_FALSE(third);
  CHECK(third.error().code == ErrorCode::too_many_registrations);
  CHECK(third.error().message ==
        "cannot register \"Test:3\": this node holds 2 keys already; unregister listeners or use each-node "
        "ones");
  CHECK(registry.add(key("2"), {2, 2, 0, {}}).has_value());
  CHECK(registry.remove(key("1"), 1));
  CHECK(registry.add(key("3"), {1, 1, 0, {}}).has_value());
}

TEST_CASE("a group has one listener", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add_group(group("b"), 1));
  REQUIRE(registry.add_group(group("a"), 2));

  const auto second = registry.add_group(group("b"), 3);

  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::group_already_registered);
  CHECK(registry.groups() == std::vector<Group>{group("a"), group("b")});
}

TEST_CASE("a group is free again once its own registration is removed", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add_group(group("a"), 1));

  CHECK_FALSE(registry.remove_group(group("a"), 2));
  CHECK(registry.remove_group(group("a"), 1));
  CHECK_FALSE(registry.remove_group(group("a"), 1));
  CHECK(registry.add_group(group("a"), 3).has_value());
}

TEST_CASE("keys are listed in order", "[registry]") {
  Registry registry(10);
  REQUIRE(registry.add(key("b"), {1, 1, 0, {}}));
  REQUIRE(registry.add(key("a"), {2, 2, 0, {}}));

  CHECK(registry.keys() == std::vector<RegistrationKey>{key("a"), key("b")});
  CHECK(registry.holds(key("a")));
  CHECK_FALSE(registry.holds(key("c")));
}

TEST_CASE("the registry agrees with a plain list of registrations", "[registry]") {
  rc::prop("matches are the set of listeners of any key, once, with the smallest version", [] {
    Registry registry(100);
    struct Row {
      std::string key;
      Entry entry;
    };
    const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
        rc::gen::pair(rc::gen::inRange(0, 4), rc::gen::inRange(0, 5)));
    std::vector<Row> rows;
    RegistrationHandle next = 1;
    for (const auto& [which, listener] : steps) {
      const std::string name = std::to_string(which);
      if (listener == 4 && !rows.empty()) {
        registry.remove(key(rows.front().key), rows.front().entry.registration);
        rows.erase(rows.begin());
        continue;
      }
      const Entry entry{next++, static_cast<ListenerHandle>(listener), 100 - next, {}};
      RC_ASSERT(registry.add(key(name), entry).has_value());
      rows.push_back({name, entry});
    }

    const auto found = matches(registry, {key("2"), key("0")});

    std::map<ListenerHandle, std::uint64_t> expected;
    for (const Row& row : rows) {
      if (row.key != "2" && row.key != "0") continue;
      const auto at = expected.try_emplace(row.entry.listener, row.entry.version).first;
      at->second = std::min(at->second, row.entry.version);
    }
    std::map<ListenerHandle, std::uint64_t> actual;
    for (const Match& match : found) actual.emplace(match.listener, match.version);
    RC_ASSERT(found.size() == actual.size());
    RC_ASSERT(actual == expected);
    RC_ASSERT(std::ranges::is_sorted(found, {}, &Match::registration));
  });
}
