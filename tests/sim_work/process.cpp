#include "process.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "storage/records.hpp"

namespace evmesh::sim_work {

using namespace std::chrono_literals;

void Stage::line(const std::string& what) const {
  if (!trace) return;
  std::printf("%10.3f ms  %s\n",
              static_cast<double>(timeline.now().time_since_epoch().count()) / 1e6 - 3'600'000, what.c_str());
}

Process::Process(Stage& stage, std::function<void(End)> on_end)
    : stage_(stage),
      on_end_(std::move(on_end)),
      machine_({.self = stage.host.id,
                .epoch = ++stage.host.epoch,
                .seed = stage.dice.next(),
                .event_bytes_max = stage.plan.event_bytes_max,
                .tick_bytes_max = 2'000}),
      running_in_(stage.plan.groups) {
  work::Policy policy;
  policy.retry.max_retries = stage.plan.retries;
  if (stage.plan.has(Fault::small_quota)) {
    policy.backlog_max = 20;
    policy.refuse_at_quota = stage.plan.seed % 2 == 0;
  }
  for (unsigned group = 0; group < stage.plan.groups; ++group) {
    groups_.push_back(machine_.group("mail", *Group::parse("group" + std::to_string(group)), policy));
  }
}

Process::~Process() { *alive_ = false; }

std::optional<Error> Process::open(bool scrub) {
  auto journal = storage::open_journal(stage_.host.disk, {.owner = stage_.host.id,
                                                          .segment_bytes = stage_.plan.segment_bytes,
                                                          .reserve_bytes = 2 * stage_.plan.segment_bytes});
  if (!journal) return journal.error();
  journal_ = std::move(*journal);
  if (scrub) {
    if (auto scrubbed = journal_->scrub(1ULL << 30); !scrubbed) return scrubbed.error();
  }
  auto replayed = journal_->replay(
      [&](Position position, std::string_view record) { return machine_.replay(position, record); });
  if (!replayed) return replayed.error();
  std::optional<std::vector<work::Flight>> flights;
  Host& host = stage_.host;
  for (const auto& [handle, flight] : host.flights) host.old_flights.push_back(flight);
  host.flights.clear();
  if (host.flights_known) flights = host.old_flights;
  for (const work::Flight& flight : host.old_flights) {
    stage_.line("was running: dispatch " + std::to_string(flight.id.epoch) + '.' +
                std::to_string(flight.id.seq) + ", generation " + std::to_string(flight.generation) +
                ", attempt " + std::to_string(flight.attempt) + (flight.suspect ? ", suspect" : ""));
  }
  commit_.restart(journal_->end());
  anchored_ = journal_->end();
  for (const work::GroupIndex group : host.paused) machine_.pause(group, true, actions_);
  stage_.ledger.life_began(host.epoch);
  stage_.ledger.check_owed(machine_);
  machine_.recovered(stage_.timeline.now(), stage_.wall(), flights, commit_);
  stage_.totals.add("quarantined", machine_.counters().quarantined);
  return std::nullopt;
}

void Process::start() {
  started_ = true;
  later(100ms, [this] { maintain(); });
  turn();
}

void Process::later(nanoseconds wait, std::function<void()> what) {
  stage_.timeline.after(wait, [alive = alive_, this, what = std::move(what)] {
    if (!*alive || over_) return;
    what();
    if (!over_) turn();
  });
}

void Process::fail(const Error& error) {
  if (over_) return;
  over_ = true;
  stage_.line("failed: " + error.message);
  stage_.timeline.after(0ns, [alive = alive_, this] {
    if (*alive) on_end_(End::failed);
  });
}

// A turn of the engine.

void Process::turn() {
  if (turning_ || over_) return;
  turning_ = true;
  for (int round = 0; round < 50 && !over_; ++round) {
    const Position before = commit_.end();
    turn_once();
    if (commit_.end() == before && actions_.empty() && commit_.empty()) break;
  }
  turning_ = false;
  if (!over_) plan_tick();
}

void Process::turn_once() {
  while (!ended_.empty() && !stalled_) {
    hand_over(ended_.front());
    ended_.pop_front();
    if (!flush()) break;
  }
  if (!flush()) return;
  perform();
  if (over_) return;
  take();
  if (stopping_ && running_.empty() && ended_.empty() && commit_.empty() && synced_ == journal_->end()) {
    machine_.goodbye(commit_);
    if (!flush()) return;
    if (auto synced = journal_->sync(); !synced) return fail(synced.error());
    static_cast<void>(journal_->anchor());
    over_ = true;
    stage_.timeline.after(0ns, [alive = alive_, this] {
      if (*alive) on_end_(End::stopped);
    });
  }
}

/// Hands the commit to the kernel; false when there is no room for it, or the journal has failed.
bool Process::flush() {
  if (over_ || stalled_) return false;
  if (commit_.empty()) {
    land();
    return true;
  }
  const std::uint64_t size = commit_.bytes().size();
  while (journal_->room() < size && !journal_->full()) {
    const auto before = journal_->room();
    journal_->prepare();
    if (journal_->room() <= before) break;
  }
  if (journal_->room() < size) {
    if (std::exchange(stalled_, true)) return false;
    stage_.totals.add("stalled_for_space");
    later(20ms, [this] {
      journal_->prepare();
      stalled_ = false;
    });
    return false;
  }
  if (auto appended = journal_->append(commit_); !appended) {
    fail(appended.error());
    return false;
  }
  stalled_ = false;
  written_ = journal_->end();
  commit_.restart(written_);
  machine_.written(written_, actions_);
  stage_.host.old_flights.clear();
  stage_.host.flights_known = true;
  land();
  begin_sync();
  return true;
}

/// What has ended, and its record is written, leaves the flight table.
void Process::land() {
  std::erase_if(landing_, [&](const auto& it) {
    if (it.first > written_) return false;
    stage_.host.flights.erase(it.second);
    return true;
  });
}

void Process::begin_sync() {
  if (syncing_ || synced_ == written_) return;
  syncing_ = true;
  later(stage_.dice.span(100us, stage_.plan.sync_time_max), [this] { sync(); });
}

void Process::sync() {
  const Position end = journal_->end();
  if (auto synced = journal_->sync(); !synced) return fail(synced.error());
  // More is appended before the engine hears of it.
  later(stage_.dice.span(10us, stage_.plan.sync_time_max), [this, end] {
    syncing_ = false;
    synced_ = end;
    machine_.synced(synced_, actions_);
    told_synced();
    begin_sync();
  });
}

void Process::told_synced() {
  while (!receipts_.empty() && receipts_.begin()->first <= synced_) {
    for (const Ledger::Key& key : receipts_.begin()->second)
      stage_.ledger.at(key.first, key.second).promised = true;
    receipts_.erase(receipts_.begin());
    stage_.totals.add("receipts");
  }
  while (!verdicts_.empty() && verdicts_.front().first <= synced_) {
    const Ledger::Key key = verdicts_.front().second;
    stage_.ledger.at(key.first, key.second).verdict_synced = true;
    verdicts_.pop_front();
  }
}

void Process::plan_tick() {
  const auto due = machine_.next_deadline();
  if (!due || (tick_at_ && *tick_at_ <= *due)) return;
  tick_at_ = due;
  const auto wait = std::max<nanoseconds>(*due - stage_.timeline.now(), 0ns);
  later(stalled_ ? wait + 20ms : wait, [this] {
    tick_at_.reset();
    if (!stalled_) machine_.tick(stage_.timeline.now(), commit_, actions_);
  });
}

/// Anchors, makes room, carries what is old, drops what nobody needs.
void Process::maintain() {
  later(100ms, [this] { maintain(); });
  if (journal_->tail().position != anchored_) {
    const Position position = journal_->tail().position;
    if (auto anchored = journal_->anchor(); !anchored) return fail(anchored.error());
    anchored_ = position;
  }
  if (near_full() || journal_->room() < 2 * stage_.plan.segment_bytes) journal_->prepare();
  const std::uint64_t long_enough = 3 * stage_.plan.segment_bytes;
  if (!stalled_ && journal_->end() - journal_->begin() > long_enough) {
    const Position before = commit_.end();
    machine_.carry(
        journal_->begin() + stage_.plan.segment_bytes, stage_.plan.segment_bytes / 4,
        [this](Position position) { return read(position); }, commit_);
    if (commit_.end() != before) stage_.totals.add("carried");
    const Position begin = journal_->begin();
    if (auto dropped = journal_->drop(std::min(machine_.oldest(), synced_)); !dropped)
      return fail(dropped.error());
    if (journal_->begin() != begin) stage_.totals.add("dropped");
  }
}

bool Process::near_full() const { return journal_->room() < stage_.plan.segment_bytes; }

std::shared_ptr<const work::Parcel> Process::read(Position position) {
  auto bytes = journal_->read(position);
  if (!bytes) {
    fail(bytes.error());
    return nullptr;
  }
  const auto record = storage::decode_record(*bytes, stage_.host.id);
  if (!record || !std::holds_alternative<storage::Owed>(*record)) {
    stage_.ledger.fail("I20", "no event stands at " + std::to_string(position));
    return nullptr;
  }
  stage_.totals.add("event_read_back");
  return work::parcel_of(std::string(std::get<storage::Owed>(*record).event));
}

}  // namespace evmesh::sim_work
