#pragma once

#include <map>
#include <string>
#include <vector>

#include "work/distribution.hpp"
#include "work/mesh_rig.hpp"

namespace evmesh::work::test {

/// Links that take what they are told to.
class GivenRoom final : public Room {
 public:
  [[nodiscard]] std::uint64_t room_bytes(const Life& to, wire::Class) const override {
    const auto it = bytes.find(to);
    return it == bytes.end() ? 1'000'000 : it->second;
  }
  std::map<Life, std::uint64_t> bytes;
};

/// Bytes with the type of an event where an encoded event has it.
inline std::string event_of_type(const std::string& type, std::size_t size = 100) {
  std::string bytes(26, '\1');
  bytes += static_cast<char>(type.size());
  bytes += type;
  if (bytes.size() < size) bytes.resize(size, 'x');
  return bytes;
}

/// Node 1 owes; 8 and 9 may run.
class DistributionRig : public Rig {
 public:
  explicit DistributionRig(DistributionOptions options = {},
                           MachineOptions machine_options = {.self = node_id(1)})
      : Rig(machine_options),
        self{machine_options.self, machine_options.epoch},
        distribution(with_self(options, machine_options), *machine) {
    mail = group("indexing");
    hash = storage::group_hash("mail", "indexing");
    sync();
  }
  static DistributionOptions with_self(DistributionOptions options, const MachineOptions& machine_options) {
    options.self = {machine_options.self, machine_options.epoch};
    return options;
  }

  [[nodiscard]] Turn turn() { return {now, wall(100), log, actions, frames}; }

  /// It is up and runs the group, with that much credit.
  void executor(const Life& who, std::uint64_t credit, std::uint32_t slots = 4) {
    distribution.member_up(turn(), who, "node" + std::to_string(who.id.bytes[15]));
    runs(who, 1, slots);
    limit(who, credit);
    frames.clear();
  }
  void runs(const Life& who, std::uint64_t version, std::uint32_t slots = 4) {
    distribution.on(turn(), who, wire::Runs{version, {{hash, slots}}});
  }
  void limit(const Life& who, std::uint64_t credit) {
    distribution.on(turn(), who, wire::Credit{{{hash, credit}}});
  }

  void owe(std::size_t count, const std::string& bytes = event_of_type("A")) {
    for (std::size_t i = 0; i < count; ++i) static_cast<void>(machine->accept(event({mail}, bytes), log));
  }
  /// Everything is written, and what can be is delivered.
  void pump() {
    write();
    for (const Ready& it : asked<Ready>()) distribution.ready(now, it.group);
    distribution.pump(turn(), room);
  }
  void advance(std::chrono::nanoseconds by) {
    Rig::advance(by);
    distribution.tick(turn());
    pump();
  }
  void settle() {
    sync();
    distribution.settled(synced);
    pump();
  }

  void verdict(const Life& who, std::uint64_t number, wire::WorkEnding ending, std::string error = "") {
    distribution.on(turn(), who, wire::Verdicts{{{number, ending, 0ms, std::move(error)}}});
    pump();
  }
  void beat(const Life& who, std::uint64_t received, std::vector<NumberRange> open = {}) {
    distribution.on(turn(), who, wire::WorkBeat{received, std::move(open), 0, 1, 1, 0});
    pump();
  }

  template <class Body>
  std::vector<Body> said(const Life& to) {
    std::vector<Body> found;
    std::erase_if(frames, [&](const SendFrame& frame) {
      kept.push_back(std::make_shared<std::string>(frame.bytes));
      auto decoded = wire::decode(*kept.back());
      if (frame.to != to || !decoded || !std::holds_alternative<Body>(decoded->body)) return false;
      found.push_back(std::get<Body>(std::move(decoded->body)));
      return true;
    });
    return found;
  }

  struct Given {
    std::uint64_t number = 0;
    std::uint64_t seq = 0;
    std::uint32_t attempt = 0;
    bool possibly_duplicate = false;
    bool suspect = false;

    bool operator==(const Given&) const = default;
  };
  /// What was delivered to it since it was asked last.
  std::vector<Given> given(const Life& to) {
    std::vector<Given> found;
    for (const auto& frame : said<wire::Deliver>(to)) {
      std::uint64_t number = frame.first;
      for (const auto& it : frame.deliveries) {
        found.push_back({number++, it.name.id.seq, it.attempt, it.possibly_duplicate, it.suspect});
      }
    }
    return found;
  }

  const Life self;
  GroupIndex mail = 0;
  std::uint64_t hash = 0;
  Frames frames;
  GivenRoom room;
  std::vector<std::shared_ptr<const std::string>> kept;
  Distribution distribution;
};

}  // namespace evmesh::work::test
