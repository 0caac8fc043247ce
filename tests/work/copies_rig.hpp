#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "mesh_of.hpp"
#include "rig.hpp"
#include "wire/frames.hpp"
#include "work/copies.hpp"
#include "work/guard.hpp"

namespace evmesh::work::test {

/// A node with what concerns copies and custody, its journal a list of records.
class MeshNode {
 public:
  explicit MeshNode(std::uint8_t number, std::uint32_t copies = 2) : number_(number), copies_(copies) { start(); }

  [[nodiscard]] Life life() const { return {node_id(number_), epoch_}; }
  [[nodiscard]] Turn turn() { return {now, wall(300), log, actions, frames}; }

  [[nodiscard]] Machine::Read read() { return reader_of(records, node_id(number_)); }

  /// Appends what has gathered, and says so to all.
  void write() {
    if (!log.empty()) {
      append(records, log);
      copies->appended(log);
      log.restart(log.end());
    }
    machine->written(log.begin(), actions);
  }
  void sync() {
    write();
    synced = log.begin();
    machine->synced(synced, actions);
    copies->synced(synced);
    guard->synced(turn(), synced);
  }
  void tick() {
    machine->tick(now, log, actions);
    if (released_at_ && now >= *released_at_) {
      released_at_.reset();
      for (const Handle handle : machine->held_back()) machine->release(now, handle, actions);
    }
    copies->tick(turn());
    guard->tick(turn());
    guard->settled(turn(), copies->safe());
    guard->pump(turn(), read());
    copies->pump(turn(), room, read(), letters);
  }

  void member_up(const Life& other, bool transient = false) {
    copies->member_up(turn(), other, transient);
    guard->member_up(turn(), other);
  }
  void member_down(const Life& other) {
    copies->member_down(turn(), other);
    guard->member_down(turn(), other);
  }
  void life_ended(const Life& other, bool clean) {
    copies->life_ended(turn(), other, clean);
    guard->life_ended(turn(), other, clean);
  }
  void gone(const NodeId& other) { guard->gone(turn(), other); }
  void on_frame(const Life& from, const std::string& bytes) {
    const auto frame = wire::decode(bytes);
    if (!frame || frame->header.to_epoch != epoch_) return;
    std::visit(
        [&](const auto& body) {
          using Body = std::decay_t<decltype(body)>;
          if constexpr (std::is_same_v<Body, wire::Copied>) {
            copies->on(turn(), from, body);
          } else if constexpr (requires { guard->on(turn(), from, body); }) {
            guard->on(turn(), from, body);
          } else if constexpr (std::is_same_v<Body, wire::Stale>) {
            machine->let_go(body.name, body.custody, log);
          }
        },
        frame->body);
  }

  /// The process ends; with `power`, what was not synced is gone.
  void restart(bool power = false) {
    if (power) std::erase_if(records, [&](const auto& record) { return record.first >= synced; });
    ++epoch_;
    frames.clear();
    actions.clear();
    start();
  }

  GroupIndex group() { return machine->group("mail", *Group::parse("index"), policy()); }
  Accepted accept() {
    Acceptance acceptance;
    acceptance.bus = "mail";
    acceptance.event_id.bytes[0] = static_cast<std::uint8_t>(++events_);
    acceptance.event = parcel_of("event");
    acceptance.groups = {group()};
    acceptance.time = wall(events_);
    return *machine->accept(acceptance, log);
  }
  std::vector<Job> take(std::size_t max = 1000) {
    std::vector<Job> jobs;
    machine->take(group(), max, jobs);
    return jobs;
  }
  void finish(const Job& job) { machine->finished(now, wall(400), job.handle, {}, log, actions); }

  std::unique_ptr<Machine> machine;
  std::unique_ptr<Copies> copies;
  std::unique_ptr<Guard> guard;
  storage::Commit log;
  Actions actions;
  Frames frames;
  MonoTime now{1h};
  OpenRoom room;
  Records records;
  Position synced = 0;
  std::vector<wire::StateEntry> executor_knows;  // what the executor here answers
  std::optional<std::uint32_t> owner_slots = 0;  // places that a dead owner had
  std::vector<std::pair<WorkName, Life>> leases;
  CopiesOptions copies_options;
  GuardOptions guard_options;  // from the next life on
  ReadLetters letters = [](std::uint64_t) { return LetterPage{}; };

 private:
  void start() {
    const NodeId self = node_id(number_);
    machine = std::make_unique<Machine>(MachineOptions{.self = self, .epoch = epoch_, .meshed = true});
    copies_options.self = life();
    copies_options.copies = copies_;
    copies = std::make_unique<Copies>(copies_options, *machine);
    GuardHooks hooks;
    hooks.adopted = [this](Turn, const Life&, const wire::Adopted&) { return executor_knows; };
    hooks.slots = [this](const Life&, std::uint64_t) { return owner_slots; };
    hooks.lease = [this](Turn, const Job& job, const Life& where) {
      leases.emplace_back(*machine->work_name(job.handle), where);
    };
    guard_options.self = life();
    guard = std::make_unique<Guard>(guard_options, *machine, hooks);
    for (const auto& [position, bytes] : records) {
      static_cast<void>(machine->replay(position, bytes));
      static_cast<void>(guard->replay(position, bytes));
      const auto record = storage::decode_record(bytes, self);
      if (!record) continue;
      if (const auto* set = std::get_if<storage::Guardians>(&*record)) copies->replay(position, *set);
    }
    log.restart(log.begin());
    machine->recovered(now, wall(200), std::vector<Flight>{}, log);
    copies->recovered(log.begin());
    guard->recovered(turn());
    released_at_ = now + 2s;
    sync();
  }

  std::uint8_t number_;
  std::uint32_t copies_;
  std::uint64_t epoch_ = 1;
  unsigned events_ = 0;
  std::optional<MonoTime> released_at_;  // what earlier lives owed goes on
};

using Mesh = MeshOf<MeshNode>;

}  // namespace evmesh::work::test
