#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/commit.hpp"
#include "storage/records.hpp"
#include "work/machine.hpp"

namespace evmesh::work::test {

using namespace std::chrono_literals;

inline Timestamp wall(std::int64_t seconds) {
  return Timestamp{std::chrono::seconds{1'700'000'000 + seconds}};
}

inline NodeId node_id(std::uint8_t number) {
  NodeId id;
  id.bytes[15] = number;
  return id;
}

/// Without jitter, so that waits are exact.
inline Policy policy(std::uint32_t retries = 8) {
  Policy policy;
  policy.retry.max_retries = retries;
  policy.retry.jitter = 0;
  return policy;
}

/// A machine with its journal as a list of records, written and synced by hand. What it asks for gathers in
/// `actions`.
class Rig {
 public:
  explicit Rig(MachineOptions options = {.self = node_id(1)}) : options_(options) { start(std::nullopt); }

  // The journal.

  void write() {
    if (!log.empty()) {
      storage::RecordWalk walk(log.bytes().substr(storage::commit_header_bytes),
                               log.begin() + storage::commit_header_bytes);
      while (const auto record = walk.next()) records.emplace_back(record->position, record->bytes);
      log.restart(log.end());
    }
    machine->written(log.begin(), actions);
  }
  void sync() {
    write();
    synced = log.begin();
    machine->synced(synced, actions);
  }

  /// The process ends; what was not written is gone. The next life sees `flights` (nothing: nobody knows).
  void crash(std::optional<std::vector<Flight>> flights = std::vector<Flight>{}) {
    ++options_.epoch;
    start(std::move(flights));
  }
  /// What was not synced is gone too.
  void power_cut() {
    std::erase_if(records, [&](const auto& record) { return record.first >= synced; });
    crash(std::nullopt);
  }
  void drop(Position keep) {
    std::erase_if(records, [&](const auto& record) { return record.first < keep; });
  }

  /// The records of a kind, from record number `from` on.
  template <class Body>
  [[nodiscard]] std::vector<Body> written_of(std::size_t from = 0) const {
    std::vector<Body> found;
    for (std::size_t i = from; i < records.size(); ++i) {
      const auto record = storage::decode_record(records[i].second, options_.self);
      if (record && std::holds_alternative<Body>(*record)) found.push_back(std::get<Body>(*record));
    }
    return found;
  }

  // Groups and events.

  GroupIndex group(const std::string& name, const Policy& policy = test::policy()) {
    return machine->group("mail", *Group::parse(name), policy);
  }
  [[nodiscard]] Acceptance event(std::vector<GroupIndex> groups, std::string bytes = "event") {
    Acceptance acceptance;
    acceptance.bus = "mail";
    acceptance.event_id.bytes[0] = static_cast<std::uint8_t>(++events_);
    acceptance.event = parcel_of(std::move(bytes));
    acceptance.groups = std::move(groups);
    acceptance.time = wall(events_);
    return acceptance;
  }
  Accepted accept(std::vector<GroupIndex> groups) { return *machine->accept(event(std::move(groups)), log); }

  // Execution.

  std::vector<Job> take(GroupIndex group, std::size_t max = 100) {
    std::vector<Job> jobs;
    machine->take(group, max, jobs);
    return jobs;
  }
  /// One job, or one without a handle.
  Job take_one(GroupIndex group) {
    const auto jobs = take(group, 1);
    return jobs.empty() ? Job{} : jobs.front();
  }
  void finish(const Job& job, Ran::Ending ending = Ran::Ending::done, std::string error = "no",
              std::chrono::milliseconds not_before = 0ms) {
    machine->finished(now, wall(100), job.handle, {ending, std::move(error), not_before}, log, actions);
  }
  void advance(std::chrono::nanoseconds by) {
    now += by;
    machine->tick(now, log, actions);
    write();
  }
  /// Runs what the group gives out until nothing comes any more, each time with that ending; the attempts
  /// that ran.
  std::vector<std::uint32_t> run_out(GroupIndex group, Ran::Ending ending) {
    std::vector<std::uint32_t> attempts;
    for (int idle = 0; idle < 3; ++idle) {
      for (Job job = take_one(group); job.handle != 0; job = take_one(group), idle = 0) {
        attempts.push_back(job.attempt);
        finish(job, ending);
        sync();
      }
      advance(1min);
    }
    return attempts;
  }

  /// Actions of a kind, taken away.
  template <class Kind>
  std::vector<Kind> asked() {
    std::vector<Kind> found;
    std::erase_if(actions, [&](const Action& action) {
      if (const auto* it = std::get_if<Kind>(&action)) return found.push_back(*it), true;
      return false;
    });
    return found;
  }

  /// A new obligation of `group` that has become a dead letter: the letter as the store gives it back.
  Machine::Letter bury_one(GroupIndex group) {
    accept({group});
    sync();
    finish(take_one(group), Ran::Ending::refused, "never");
    sync();
    const auto stored = asked<StoreLetter>();
    machine->letter_stored(now, stored.at(0).handle, true, log);
    sync();
    return {stored[0].letter, stored[0].id, stored[0].generation, stored[0].attempts, stored[0].doubt};
  }

  std::unique_ptr<Machine> machine;
  storage::Commit log;
  Actions actions;
  MonoTime now{1h};
  std::vector<std::pair<Position, std::string>> records;
  Position synced = 0;

 private:
  void start(std::optional<std::vector<Flight>> flights) {
    machine = std::make_unique<Machine>(options_);
    actions.clear();
    for (const auto& [position, bytes] : records) static_cast<void>(machine->replay(position, bytes));
    log.restart(log.begin());
    machine->recovered(now, wall(200), flights, log);
  }

  MachineOptions options_;
  unsigned events_ = 0;
};

}  // namespace evmesh::work::test
