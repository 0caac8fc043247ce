#include "wire/digest.hpp"

#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;

namespace {

MemberEntry row(MemberState state, bool forgotten) {
  MemberEntry entry;
  entry.id = std::get<Forget>(sample("forget").frame.body).id;
  entry.epoch = 4;
  entry.state = state;
  entry.forgotten = forgotten;
  return entry;
}

}  // namespace

TEST_CASE("the digest of a key is the number that every node agrees on", "[wire][digest]") {
  CHECK(digest_of_key(0x4142434445464748) == 0xf3ee7d86731c8263);
  CHECK(digest_of_key(0) == 0xc77b3abb6f87acd9);
}

TEST_CASE("the digest of an each-node bus is the number that every node agrees on", "[wire][digest]") {
  CHECK(digest_of_each_node(1) == 0xebb632c83d738a6e);
  CHECK(digest_of_each_node(0) == 0xa888d37527bf89ed);
}

TEST_CASE("the digest of a member tells left and forgotten, not one node's view", "[wire][digest]") {
  CHECK(digest_of_member(row(MemberState::alive, false)) == 0xc40e71015ac99857);
  CHECK(digest_of_member(row(MemberState::suspect, false)) == 0xc40e71015ac99857);
  CHECK(digest_of_member(row(MemberState::dead, false)) == 0xc40e71015ac99857);
  CHECK(digest_of_member(row(MemberState::left, false)) == 0xcf68328b414d61ef);
  CHECK(digest_of_member(row(MemberState::dead, true)) == 0x829df658fb58bbf2);
  CHECK(digest_of_member(row(MemberState::left, true)) == 0xa48a74b33eba8cbd);
}

TEST_CASE("the digest of a member does not depend on its name and endpoint", "[wire][digest]") {
  MemberEntry named = row(MemberState::alive, false);
  named.name = "node-2";
  named.work_endpoint = "tcp://10.0.0.2:7520";
  named.transient = true;

  CHECK(digest_of_member(named) == 0xc40e71015ac99857);
}

TEST_CASE("the digest of a required group is of all that GROUPS says of it", "[wire][digest]") {
  const Groups groups = std::get<Groups>(sample("groups").frame.body);
  GroupEntry other = groups.entries[0];
  other.critical = true;

  CHECK(digest_of_group(groups.entries[0]) == 0x7e9f373801e3c09a);
  CHECK(digest_of_group(groups.entries[1]) == 0x3df2230e5f62ee82);
  CHECK(digest_of_group(other) != digest_of_group(groups.entries[0]));
}
