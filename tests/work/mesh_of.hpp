#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rig.hpp"
#include "wire/frames.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::work::test {

/// As much as one likes, unless told otherwise.
class OpenRoom : public Room {
 public:
  [[nodiscard]] std::uint64_t room_bytes(const Life&, wire::Class) const override { return bytes; }
  std::uint64_t bytes = 1U << 30U;
};

/// A journal: what stands in it, and where.
using Records = std::vector<std::pair<Position, std::string>>;

inline void append(Records& records, const storage::Commit& commit) {
  storage::RecordWalk walk(commit.bytes().substr(storage::commit_header_bytes),
                           commit.begin() + storage::commit_header_bytes);
  while (const auto record = walk.next()) records.emplace_back(record->position, record->bytes);
}

/// Reads events of the journal of `self` back, for as long as `records` lives.
inline Machine::Read reader_of(const Records& records, const NodeId& self) {
  return [&records, self](Position at) -> std::shared_ptr<const Parcel> {
    const auto record = std::ranges::find(records, at, &Records::value_type::first);
    if (record == records.end()) return nullptr;
    const auto event = storage::event_of_record(record->second, self);
    return event ? parcel_of(std::string(*event)) : nullptr;
  };
}

/// Some nodes and the frames between them. Membership is what the test says.
template <class Node>
class MeshOf {
 public:
  Node& add(std::uint8_t number, std::uint32_t copies = 2) {
    nodes_[number] = std::make_unique<Node>(number, copies);
    return *nodes_[number];
  }
  Node& operator[](std::uint8_t number) { return *nodes_.at(number); }

  void link(std::uint8_t a, std::uint8_t b) {
    (*this)[a].member_up((*this)[b].life());
    (*this)[b].member_up((*this)[a].life());
    links_.insert({a, b});
    links_.insert({b, a});
  }
  void cut(std::uint8_t a, std::uint8_t b) {
    links_.erase({a, b});
    links_.erase({b, a});
  }
  /// It is gone for everybody.
  void kill(std::uint8_t number, bool clean = false) {
    const Life life = (*this)[number].life();
    dead_.insert(number);
    for (auto& [other, node] : nodes_) {
      cut(number, other);
      if (!dead_.contains(other)) node->life_ended(life, clean);
    }
  }
  /// Nobody expects it back.
  void forget(std::uint8_t number) {
    for (auto& [other, node] : nodes_) {
      if (!dead_.contains(other)) node->gone((*this)[number].life().id);
    }
  }
  void revive(std::uint8_t number, bool power = false) {
    dead_.erase(number);
    (*this)[number].restart(power);
  }

  /// Time passes in small steps, in which all say what they have to say, write, and sync.
  void run(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds passed{0}; passed <= time; passed += 10ms) {
      for (auto& [number, node] : nodes_) {
        node->now += 10ms;
        if (dead_.contains(number)) continue;
        node->tick();
        node->sync();
      }
      carry_frames();
    }
  }

  /// Sees each frame; false: it is lost.
  std::function<bool(const Life& from, const Life& to, const wire::Frame&)> passes =
      [](const Life&, const Life&, const wire::Frame&) { return true; };

 private:
  void carry_frames() {
    for (auto& [number, node] : nodes_) {
      if (dead_.contains(number)) continue;
      for (const SendFrame& frame : std::exchange(node->frames, {})) {
        const auto to = frame.to.id.bytes[15];
        const auto decoded = wire::decode(frame.bytes);
        if (!links_.contains({number, to}) || !decoded || !passes(node->life(), frame.to, *decoded)) continue;
        (*this)[to].on_frame(node->life(), frame.bytes);
      }
    }
  }

  std::map<std::uint8_t, std::unique_ptr<Node>> nodes_;
  std::set<std::pair<std::uint8_t, std::uint8_t>> links_;
  std::set<std::uint8_t> dead_;
};

}  // namespace evmesh::work::test
