#pragma once

#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "rig.hpp"

/// What tests of a machine among nodes share.
namespace evmesh::work::test {

using storage::Doubt;
using wire::StateEntry;

inline MachineOptions meshed(std::uint8_t number) { return {.self = node_id(number), .meshed = true}; }

/// The pieces of a walk through all that is owed.
inline std::vector<std::string> snapshot_of(Machine& machine, std::uint64_t bytes = 1) {
  const auto walk = machine.begin_snapshot();
  std::vector<std::string> records;
  while (machine.snapshot(walk, bytes, [](Position) { return nullptr; }, records)) continue;
  machine.end_snapshot(walk);
  return records;
}

/// A copy of `owner` on another node.
inline std::unique_ptr<Machine> copy_of(const NodeId& owner) {
  return std::make_unique<Machine>(MachineOptions{.self = owner, .replica = Replica{.guardian = node_id(9)}});
}

inline void feed(Machine& copy, const std::vector<std::string>& records, Position at = 1) {
  for (const std::string& record : records) REQUIRE(copy.replay(at++, record));
}

/// All that `owner` owes is adopted by `heir`; the handles there.
inline std::vector<Handle> hand_over(Machine& owner, Rig& heir, std::uint32_t counter = 1, Doubt doubt = Doubt::owner_ended) {
  const auto walk = owner.begin_snapshot();
  std::vector<Handle> handles;
  const auto take = [&](const storage::Owed& owed) {
    const auto some = heir.machine->adopt(owed, counter, doubt, heir.log);
    handles.insert(handles.end(), some.begin(), some.end());
  };
  while (owner.visit(walk, 1, [](Position) { return nullptr; }, Machine::Which::all, take)) continue;
  owner.end_snapshot(walk);
  heir.sync();
  return handles;
}

inline void release(Rig& rig, const std::vector<Handle>& handles) {
  for (const Handle handle : handles) rig.machine->release(rig.now, handle, rig.actions);
}

inline WorkName first_name(std::uint64_t seq = 1, std::uint32_t generation = 0) {
  return {{node_id(1), 1, seq}, storage::group_hash("mail", "index"), generation};
}

inline StateEntry entry(const WorkName& name, wire::WorkState state) { return {name, state, 1, {}}; }

}  // namespace evmesh::work::test
