#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mesh_of.hpp"
#include "rig.hpp"
#include "work/core.hpp"

namespace evmesh::work::test {

/// A node with all of its group work, its journal a list of records.
class CoreNode {
 public:
  explicit CoreNode(std::uint8_t number, std::uint32_t copies = 2) : number_(number), copies_(copies) {
    start(std::vector<Flight>{});
  }

  [[nodiscard]] Life life() const { return {node_id(number_), epoch_}; }
  [[nodiscard]] Turn turn() { return {now, wall(300), log, actions, frames}; }
  [[nodiscard]] Machine& machine() { return core->machine(); }

  /// Appends what has gathered, and says so.
  void write() {
    if (!log.empty()) {
      append(records, log);
      core->appended(log);
      log.restart(log.end());
    }
    core->written(turn(), log.begin());
  }
  void sync() {
    write();
    if (disk_stands_still) return;
    synced = log.begin();
    core->synced(turn(), synced);
  }
  void tick() {
    core->tick(turn());
    core->pump(turn(), room);
    keep_letters();
  }

  void member_up(const Life& other) { core->member_up(turn(), other, {"n" + std::to_string(other.id.bytes[15]), false}); }
  void member_down(const Life& other) { core->member_down(turn(), other); }
  void life_ended(const Life& other, bool clean) { core->life_ended(turn(), other, clean); }
  void on_frame(const Life& from, const std::string& bytes) {
    const auto buffer = std::make_shared<const std::string>(bytes);
    const auto frame = wire::decode(*buffer);
    if (frame && frame->header.to_epoch == epoch_) core->on_frame(turn(), from, *frame, wire::Buffer(buffer, *buffer));
  }

  /// The process ends; with `power`, what was not synced is gone, and nobody knows what ran.
  void restart(bool power = false) {
    if (power) std::erase_if(records, [&](const auto& record) { return record.first >= synced; });
    ++epoch_;
    frames.clear();
    actions.clear();
    start(power ? std::nullopt : std::optional(std::vector<Flight>{}));
  }

  /// It goes on as a later life of itself.
  void raise_epoch() { core->raise_epoch(turn(), ++epoch_); }

  GroupIndex group(std::uint32_t retries = 8) { return machine().group("mail", *Group::parse("index"), policy(retries)); }
  /// It runs the group with so many places.
  void runs(std::uint32_t slots) { core->runs(turn(), group(), slots); }
  Accepted accept() { return *machine().accept(event(), log); }
  void redeliver(const StoreLetter& letter) {
    static_cast<void>(*machine().redeliver({letter.letter, letter.id, letter.generation, letter.attempts, letter.doubt},
                                           event(), log));
  }
  Acceptance event() {
    Acceptance acceptance;
    acceptance.bus = "mail";
    acceptance.event_id.bytes[0] = static_cast<std::uint8_t>(++events_);
    acceptance.event = parcel_of("event");
    acceptance.groups = {group()};
    acceptance.time = wall(events_);
    return acceptance;
  }
  std::vector<Job> take(std::size_t max = 1000) {
    std::vector<Job> jobs;
    core->take(turn(), group(), max, jobs);
    return jobs;
  }
  void finish(const Job& job, Ran::Ending ending = Ran::Ending::done) {
    core->finished(turn(), job, {.ending = ending, .error = ending == Ran::Ending::done ? "" : "no luck"});
  }
  [[nodiscard]] std::uint64_t owed() { return machine().owed_count(); }

  [[nodiscard]] Machine::Read read() { return reader_of(records, node_id(number_)); }

  std::unique_ptr<Core> core;
  storage::Commit log;
  Actions actions;
  Frames frames;
  MonoTime now{1h};
  OpenRoom room;
  Records records;
  Position synced = 0;
  bool disk_stands_still = false;
  std::vector<StoreLetter> letters;  // kept
  unsigned removals = 0;             // of letters, asked for

 private:
  void keep_letters() {
    for (Action& action : std::exchange(actions, {})) {
      if (const auto* remove = std::get_if<RemoveLetter>(&action)) {
        ++removals;
        machine().letter_removed(now, remove->handle, true, log, actions);
      }
      auto* store = std::get_if<StoreLetter>(&action);
      if (!store) continue;
      machine().letter_stored(now, store->handle, true, log);
      letters.push_back(std::move(*store));
    }
  }
  void start(const std::optional<std::vector<Flight>>& flights) {
    core = std::make_unique<Core>(
        CoreOptions{.machine = {.self = node_id(number_), .epoch = epoch_, .meshed = true},
                    .copies = copies_,
                    .seeded = true,
                    .replicates = true,
                    .read = read()});
    for (const auto& [position, bytes] : records) static_cast<void>(core->replay(position, bytes));
    log.restart(log.begin());
    core->recovered(turn(), flights);
    sync();
  }

  std::uint8_t number_;
  std::uint32_t copies_;
  std::uint64_t epoch_ = 1;
  unsigned events_ = 0;
};

using CoreMesh = MeshOf<CoreNode>;

}  // namespace evmesh::work::test
