#include "bus/letter_box.hpp"
#include "work/letter_id.hpp"

namespace evmesh::bus {

namespace {

std::string record_of(const Letter& letter, const NodeId& self) {
  storage::OwedGroup group;
  group.name = letter.group;
  group.generation = letter.generation;
  group.attempts = letter.attempts.empty() ? 0 : letter.attempts.back().number;
  group.ended = true;
  group.doubt = letter.doubt;
  for (const Attempt& attempt : letter.attempts) {
    group.history.push_back({attempt.number, attempt.time, attempt.node, attempt.error});
  }
  std::string record;
  storage::encode_record(
      storage::Owed{letter.dispatch, letter.event_id, letter.accepted, letter.bus, {group}, letter.event},
      self, record);
  return record;
}

}  // namespace

std::optional<CopiedLetter> copied(const Letter& letter, const NodeId& self) {
  const work::WorkName name{letter.dispatch, storage::group_hash(letter.bus, letter.group), letter.generation};
  if (work::letter_id({name.id, name.group, name.generation}, letter.accepted) != letter.id) return std::nullopt;
  return CopiedLetter{letter.id, name, record_of(letter, self)};
}

}  // namespace evmesh::bus
