#include "evmesh-maildir/user_state.hpp"

#include <catch2/catch.hpp>

using namespace evmesh::maildir;

namespace {

const PutFolder work{
    .id = "w", .name = "Work", .identity = {7, 8}, .uid_validity = 9, .last_uid = 0, .last_mod_seq = 0};
const PutMessage first{"w", "1.a", MessageState{.uid = 4, .mod_seq = 6, .flags = {}, .file = {}}};

}  // namespace

TEST_CASE("a message raises the numbers of its folder", "[maildir][state]") {
  UserState state;

  apply_changes(state, {work, first});

  CHECK(state.folders.at("w").last_uid == 4);
  CHECK(state.folders.at("w").last_mod_seq == 6);
  CHECK(state.folders.at("w").messages.at("1.a").uid == 4);
}

TEST_CASE("numbers of a folder never fall when its messages go or its values change", "[maildir][state]") {
  UserState state;
  apply_changes(state, {work, first});

  apply_changes(state, {DropMessage{"w", "1.a", 7}, work});

  CHECK(state.folders.at("w").messages.empty());
  CHECK(state.folders.at("w").last_uid == 4);
  CHECK(state.folders.at("w").last_mod_seq == 7);
}

TEST_CASE("the same change twice has the effect of once", "[maildir][state]") {
  UserState once;
  UserState twice;

  apply_changes(once, {work, first});
  apply_changes(twice, {work, first, work, first});

  CHECK(once == twice);
}

TEST_CASE("a change of a folder that is not there changes nothing", "[maildir][state]") {
  UserState state;

  apply_changes(state, {first, DropMessage{"w", "1.a", 7}, DropFolder{"w"}});

  CHECK(state == UserState{});
}
