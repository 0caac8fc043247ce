#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "rig.hpp"
#include "work/required.hpp"

namespace evmesh::work::test {

inline Life life_of(std::uint8_t number, std::uint64_t epoch = 1) { return {node_id(number), epoch}; }

/// A node with its map, its disk, and what it has to say to others.
struct MapNode {
  explicit MapNode(std::uint8_t number, bool alone = false)
      : life(life_of(number)), groups({.self = life, .alone = alone}) {}

  Turn turn() { return {now, {}, log, actions, frames}; }

  std::uint64_t change(const std::string& group, const std::function<void(wire::GroupEntry&)>& what) {
    const auto changed = groups.change(turn(), "events", group, what);
    REQUIRE(changed);
    return *changed;
  }
  std::uint64_t require(const std::string& group, std::uint32_t retries = 8) {
    return change(group, [&](wire::GroupEntry& entry) {
      entry.present = true;
      entry.retry.max_retries = retries;
    });
  }
  std::uint64_t remove(const std::string& group) {
    return change(group, [](wire::GroupEntry& entry) { entry.present = false; });
  }

  /// All that is to be kept is.
  void keep(bool good = true) {
    while (const auto keep = groups.next_keep()) {
      if (good) disk[keep->entry.group] = keep->entry;
      if (good && keep->erase) disk.erase(keep->entry.group);
      groups.kept(turn(), keep->change, good);
    }
  }
  void tick() { groups.tick(turn()); }

  [[nodiscard]] bool requires_group(const std::string& group) const {
    for (const auto& entry : groups.entries()) {
      if (entry.group == group) return entry.present;
    }
    return false;
  }
  [[nodiscard]] std::set<std::string> missing(const std::string& group) const {
    std::set<std::string> names;
    for (const auto& each : groups.who_knows("events", group)) {
      if (!each.since) names.insert(each.name);
    }
    return names;
  }

  Life life;
  RequiredGroups groups;
  std::map<std::string, wire::GroupEntry> disk;
  MonoTime now{1h};
  storage::Commit log;
  Actions actions;
  Frames frames;
};

/// Two nodes and the link between them.
struct Pair {
  void link() {
    a.groups.member_up(a.turn(), b.life, "b");
    b.groups.member_up(b.turn(), a.life, "a");
  }
  void cut() {
    a.groups.member_down(b.life);
    b.groups.member_down(a.life);
    lose();
  }
  void lose() {
    a.frames.clear();
    b.frames.clear();
  }

  static void carry(MapNode& from, MapNode& to) {
    for (const SendFrame& frame : std::exchange(from.frames, {})) {
      REQUIRE(frame.to == to.life);
      const auto decoded = wire::decode(frame.bytes);
      REQUIRE(decoded);
      CHECK(decoded->header.to == to.life.id);
      if (const auto* groups = std::get_if<wire::Groups>(&decoded->body)) {
        to.groups.on(to.turn(), from.life, *groups);
      } else {
        to.groups.on(to.turn(), from.life, std::get<wire::GroupsAck>(decoded->body));
      }
    }
  }

  /// Until nobody has anything to say or to keep.
  void settle() {
    for (int round = 0; round < 20; ++round) {
      a.keep();
      b.keep();
      if (a.frames.empty() && b.frames.empty()) return;
      carry(a, b);
      carry(b, a);
    }
    FAIL("they never come to an end");
  }
  void pass(std::chrono::milliseconds time) {
    a.now += time;
    b.now += time;
    a.tick();
    b.tick();
  }

  MapNode a{1};
  MapNode b{2};
};

}  // namespace evmesh::work::test
