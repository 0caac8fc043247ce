#include "routing/announcement.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"
#include "wire/digest.hpp"

using namespace evmesh::routing;
using namespace evmesh::routing::test;
using evmesh::RegistrationKey;

namespace {

using Keys = std::vector<RegistrationKey>;

LocalAnnouncement one_bus() { return LocalAnnouncement({"bus"}); }

evmesh::wire::Announce part(std::uint64_t version, std::uint32_t number, std::uint32_t parts, std::vector<std::uint64_t> added) {
  return {0, version, number, parts, {}, std::move(added), {}};
}

}  // namespace

TEST_CASE("every change is a version of its own, and what has gathered goes as one change", "[routing]") {
  LocalAnnouncement local = one_bus();

  CHECK(local.change(0, Keys{key("a")}, {}, std::nullopt) == 1);
  CHECK(local.change(0, Keys{key("b")}, {}, std::nullopt) == 2);
  const auto change = local.flush();

  REQUIRE(change);
  CHECK(change->base == 0);
  CHECK(change->version == 2);
  CHECK(change->added.size() == 2);
  CHECK(change->removed.empty());
  CHECK_FALSE(local.flush());
}

TEST_CASE("a change names the version before it and what went", "[routing]") {
  LocalAnnouncement local = one_bus();
  local.change(0, Keys{key("a")}, {}, std::nullopt);
  static_cast<void>(local.flush());

  local.change(0, {}, Keys{key("a")}, std::nullopt);
  const auto change = local.flush();

  REQUIRE(change);
  CHECK(change->base == 1);
  CHECK(change->version == 2);
  CHECK(change->added.empty());
  CHECK(change->removed == std::vector{hash("a")});
}

TEST_CASE("a key that goes and comes back before the change leaves is in neither list", "[routing]") {
  LocalAnnouncement local = one_bus();
  local.change(0, Keys{key("a")}, {}, std::nullopt);
  static_cast<void>(local.flush());

  local.change(0, {}, Keys{key("a")}, std::nullopt);
  local.change(0, Keys{key("a")}, {}, std::nullopt);
  const auto change = local.flush();

  REQUIRE(change);
  CHECK(change->version == 3);
  CHECK(change->added.empty());
  CHECK(change->removed.empty());
}

TEST_CASE("the same key of two buses is two hashes", "[routing]") {
  LocalAnnouncement local({"bus", "other"});

  local.change(0, Keys{key("a")}, {}, std::nullopt);
  local.change(1, Keys{key("a")}, {}, std::nullopt);

  CHECK(local.flush()->added.size() == 2);
}

TEST_CASE("a hash that two registrations share goes when the last of them goes", "[routing]") {
  LocalAnnouncement local = one_bus();
  local.change(0, Keys{key("a"), key("a")}, {}, std::nullopt);
  static_cast<void>(local.flush());

  local.change(0, {}, Keys{key("a")}, std::nullopt);
  CHECK(local.flush()->removed.empty());
  local.change(0, {}, Keys{key("a")}, std::nullopt);
  CHECK(local.flush()->removed == std::vector{hash("a")});
}

TEST_CASE("each-node wishes stand whole in every change", "[routing]") {
  LocalAnnouncement local({"bus", "other"});
  local.change(1, {}, {}, true);
  CHECK(local.flush()->each_node == std::vector<std::uint16_t>{1});

  local.change(0, Keys{key("a")}, {}, std::nullopt);
  CHECK(local.flush()->each_node == std::vector<std::uint16_t>{1});
  local.change(1, {}, {}, false);
  CHECK(local.flush()->each_node.empty());
}

TEST_CASE("the digest is that of the set, whatever the way to it", "[routing]") {
  LocalAnnouncement local = one_bus();
  local.change(0, Keys{key("a"), key("b")}, {}, true);
  local.change(0, {}, Keys{key("b")}, std::nullopt);

  CHECK(local.digest() == (evmesh::wire::digest_of_key(hash("a")) ^ evmesh::wire::digest_of_each_node(0)));
}

TEST_CASE("an empty set is one frame", "[routing]") {
  const auto whole = one_bus().whole();

  REQUIRE(whole.size() == 1);
  CHECK(whole[0].parts == 1);
  CHECK(whole[0].version == 0);
  CHECK(whole[0].added.empty());
}

TEST_CASE("a set of more than 64 KiB goes in parts of at most 8064 hashes, ascending", "[routing]") {
  LocalAnnouncement local = one_bus();
  Keys keys;
  for (int number = 0; number < 10'000; ++number) keys.push_back(key(std::to_string(number)));
  local.change(0, keys, {}, std::nullopt);
  CHECK(local.large_change());
  static_cast<void>(local.flush());

  const auto whole = local.whole();

  REQUIRE(whole.size() == 2);
  CHECK(whole[0].part == 0);
  CHECK(whole[0].parts == 2);
  CHECK(whole[0].added.size() == 8'064);
  CHECK(whole[1].added.size() == 1'936);
  CHECK(whole[0].added.back() < whole[1].added.front());
}

TEST_CASE("parts of a whole set may come in any order and twice", "[routing]") {
  Assembly assembly;

  CHECK(assembly.add(part(5, 1, 2, {3})) == Assembly::Result::more);
  CHECK(assembly.add(part(5, 1, 2, {3})) == Assembly::Result::more);
  CHECK(assembly.add(part(5, 0, 2, {1, 2})) == Assembly::Result::complete);
  CHECK(assembly.hashes() == std::vector<std::uint64_t>{3, 1, 2});
}

TEST_CASE("a part of another version begins anew", "[routing]") {
  Assembly assembly;
  CHECK(assembly.add(part(5, 0, 2, {1})) == Assembly::Result::more);

  CHECK(assembly.add(part(6, 1, 2, {7})) == Assembly::Result::more);
  CHECK(assembly.add(part(6, 0, 2, {8})) == Assembly::Result::complete);
  CHECK(assembly.hashes() == std::vector<std::uint64_t>{7, 8});
}

TEST_CASE("a set of 250,000 keys is taken, one of 250,001 refused", "[routing]") {
  const auto add = [](Assembly& assembly, std::uint64_t count) {
    constexpr std::uint64_t each = 8'000;
    const auto parts = static_cast<std::uint32_t>((count + each - 1) / each);
    auto result = Assembly::Result::more;
    for (std::uint32_t number = 0; number < parts; ++number) {
      std::vector<std::uint64_t> some;
      for (std::uint64_t hash = number * each; hash < std::min(count, (number + 1) * each); ++hash) some.push_back(hash);
      result = assembly.add(part(1, number, parts, some));
    }
    return result;
  };
  Assembly most;
  Assembly more;

  CHECK(add(most, 250'000) == Assembly::Result::complete);
  CHECK(most.hashes().size() == 250'000);
  CHECK(add(more, 250'001) == Assembly::Result::too_many);
  CHECK(more.hashes().empty());
}
