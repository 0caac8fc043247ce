#include "process.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "storage/records.hpp"
#include "trace.hpp"

namespace evmesh::sim_group {

using namespace std::chrono_literals;

void Stage::line(HostIndex host, const std::string& what) const {
  if (!trace) return;
  std::printf("%10.3f ms  n%u  %s\n",
              static_cast<double>(timeline.now().time_since_epoch().count()) / 1e6 - 3'600'000, host,
              what.c_str());
}

work::Policy policy_of(const Plan& plan) {
  work::Policy policy;
  policy.retry.max_retries = plan.retries;
  policy.retry.first = plan.first_wait;
  return policy;
}

namespace {

work::CoreOptions options_of(const Plan& plan, const Host& host, std::uint64_t seed, work::Machine::Read read,
                             work::ReadLetters letters) {
  work::CoreOptions options;
  options.machine = {.self = host.id,
                     .epoch = host.epoch,
                     .seed = seed,
                     .event_bytes_max = plan.event_bytes_max,
                     .tick_bytes_max = 2'000,
                     .meshed = true};
  options.copies = plan.copies;
  options.seeded = true;
  options.replicates = plan.copied;
  options.guards = plan.copied;
  options.read = std::move(read);
  options.letters = std::move(letters);
  return options;
}

}  // namespace

Process::Process(Stage& stage, Host& host, std::function<void(End)> on_end)
    : stage_(stage),
      host_(host),
      on_end_(std::move(on_end)),
      life_{host.id, ++host.epoch},
      core_(options_of(
          stage.plan, host, stage.dice.next(), [this](Position position) { return read(position); },
          [this](std::uint64_t) { return letters_to_copy(); })),
      running_in_(stage.plan.groups) {
  for (unsigned group = 0; group < stage.plan.groups; ++group) {
    groups_.push_back(
        core_.machine().group("mail", *Group::parse("group" + std::to_string(group)), policy_of(stage.plan)));
  }
}

Process::~Process() { *alive_ = false; }

std::optional<Error> Process::open() {
  auto journal = storage::open_journal(*host_.disk, {.owner = host_.id,
                                                     .segment_bytes = stage_.plan.segment_bytes,
                                                     .reserve_bytes = 2 * stage_.plan.segment_bytes});
  if (!journal) return journal.error();
  journal_ = std::move(*journal);
  auto replayed = journal_->replay(
      [&](Position position, std::string_view record) { return core_.replay(position, record); });
  if (!replayed) return replayed.error();
  for (const auto& [handle, flight] : host_.flights) host_.old_flights.push_back(flight);
  host_.flights.clear();
  std::optional<std::vector<work::Flight>> flights;
  if (host_.flights_known) flights = host_.old_flights;
  commit_.restart(journal_->end());
  written_ = synced_ = journal_->end();
  anchored_ = journal_->end();
  for (const work::GroupIndex group : stage_.paused) core_.pause(now(), group, true);
  core_.recovered(now(), flights);
  return std::nullopt;
}

void Process::start() {
  started_ = true;
  began_at_ = stage_.timeline.now();
  change_runs();
  later(100ms, [this] { maintain(); });
  turn();
}

work::Turn Process::now() { return {stage_.timeline.now(), wall(), commit_, actions_, frames_}; }

Timestamp Process::wall() const {
  return Timestamp{std::chrono::hours{480'000}} + host_.clock_error +
         std::chrono::duration_cast<std::chrono::microseconds>(stage_.timeline.now().time_since_epoch());
}

std::uint64_t Process::room_bytes(const Life& to, wire::Class frame_class) const {
  return stage_.network.room_bytes(host_.index, to, frame_class);
}

// Time, and standing still.

void Process::later(nanoseconds wait, std::function<void()> what) {
  stage_.timeline.after(wait, [alive = alive_, this, what = std::move(what)] {
    if (!*alive || over_) return;
    if (frozen_) {
      missed_.push_back(what);
      return;
    }
    what();
    if (!over_) turn();
  });
}

void Process::freeze() {
  if (over_ || frozen_) return;
  frozen_ = true;
  frozen_at_ = stage_.timeline.now();
  stage_.ledger.disrupted();  // from now on it answers nobody
  line("stands still");
}

void Process::thaw() {
  if (over_ || !frozen_) return;
  frozen_ = false;
  stage_.ledger.disrupted();
  stage_.members.stood_still(host_.index, stage_.timeline.now() - frozen_at_);
  line("goes on");
  wake();
}

/// What came meanwhile, and what was due, in any order.
void Process::wake() {
  const auto inbox = [this] {
    for (std::deque<Message> inbox = std::exchange(inbox_, {}); const Message& message : inbox) {
      if (over_ || frozen_) return;
      arrive(message);
    }
  };
  const bool frames_first = stage_.dice.chance(0.5);
  if (frames_first) inbox();
  for (std::deque<std::function<void()>> missed = std::exchange(missed_, {}); const auto& what : missed) {
    if (over_) return;
    what();
  }
  if (!frames_first) inbox();
  if (!over_) turn();
}

void Process::fail(const Error& error) {
  if (over_) return;
  over_ = true;
  line("failed: " + error.message);
  stage_.timeline.after(0ns, [alive = alive_, this] {
    if (*alive) on_end_(End::failed);
  });
}

// Others.

void Process::member_up(HostIndex host, const Life& life) {
  if (over_) return;
  line("member up: n" + std::to_string(host) + " epoch " + std::to_string(life.epoch));
  core_.member_up(now(), life, {.name = "n" + std::to_string(host)});
  turn();
}

void Process::member_down(const Life& life) {
  if (over_) return;
  line("member down: " + name_of(life));
  stage_.ledger.disrupted();
  core_.member_down(now(), life);
  turn();
}

void Process::life_ended(const Life& life, bool clean) {
  if (over_) return;
  line("life ended: " + name_of(life) + (clean ? ", clean" : ""));
  if (!clean) stage_.ledger.disrupted();
  core_.life_ended(now(), life, clean);
  turn();
}

void Process::gone(const NodeId& node) {
  if (over_) return;
  line("gone for good: " + node.to_string());
  core_.gone(now(), node);
  turn();
}

void Process::arrive(const Message& message) {
  if (over_ || message.to != life_) return;
  if (frozen_) {
    inbox_.push_back(message);
    return;
  }
  if (!stage_.members.accepts(host_.index, message.from)) return stage_.totals.add("late_frame");
  if (!message.bytes) return stage_.members.goodbye(host_.index, message.from);
  const auto frame = wire::decode(*message.bytes);
  if (!frame && frame.error() == wire::DecodeError::unknown_kind) return stage_.totals.add("frame_of_later_version");
  if (!frame)
    return stage_.ledger.fail("wire", "a frame cannot be read: " + std::string(to_string(frame.error())));
  if (stage_.trace) line("<- " + name_of(message.from) + "  " + describe(*frame));
  stage_.tap.seen(message.from, life_, *frame);
  core_.on_frame(now(), message.from, *frame, {message.bytes, *message.bytes});
  turn();
}

// A turn of the engine.

void Process::turn() {
  if (turning_ || over_ || frozen_ || !started_) return;
  turning_ = true;
  for (int round = 0; round < 50 && !over_; ++round) {
    turn_once();
    if (actions_.empty() && commit_.empty() && frames_.empty()) break;
    if (round == 49 && !stalled_) stage_.totals.add("turns_without_end");
  }
  turning_ = false;
  if (!over_) look_back();
  if (!over_) plan_tick();
}

/// A node that learns that its directory was put back must not go on.
void Process::look_back() {
  if (!core_.rolled_back()) return;
  over_ = true;
  line("learns that its directory was put back");
  stage_.timeline.after(0ns, [alive = alive_, this] {
    if (*alive) on_end_(End::put_back);
  });
}

void Process::turn_once() {
  while (!ended_.empty() && !stalled_) {
    hand_over(ended_.front());
    ended_.pop_front();
    if (!flush()) break;
  }
  core_.told(now());
  core_.pump(now(), *this);
  if (stage_.plan.frames_first) send();
  const bool flushed = flush();
  if (over_) return;
  send();
  if (!flushed) return;
  perform();
  if (over_) return;
  take();
  if (stopping_ && !left_ && running_.empty() && ended_.empty() && commit_.empty() &&
      synced_ == journal_->end())
    say_goodbye();
}

/// Nothing runs any more: when its copies stand, or after a while, it goes.
void Process::say_goodbye() {
  const work::Safety safety = core_.safety(synced_);
  const bool safe = safety.degraded || safety.copies >= safety.wanted;
  const bool quiet = nothing_out();
  if ((!safe || !quiet) && stage_.timeline.now() - stopping_since_ < 5s) return;
  if (quiet) core_.machine().goodbye(commit_);
  if (!quiet) stage_.ledger.disrupted();
  stage_.totals.add(quiet ? "left_in_order" : "left_with_work_out");
  if (!flush()) return;
  if (auto synced = journal_->sync(); !synced) return fail(synced.error());
  static_cast<void>(journal_->anchor());
  send();
  stage_.network.say_goodbye(host_.index);
  left_ = true;
  stage_.timeline.after(20ms, [alive = alive_, this] {
    if (!*alive || over_) return;
    over_ = true;
    on_end_(End::stopped);
  });
}

/// Nothing that this node owes runs anywhere.
bool Process::nothing_out() {
  return std::ranges::all_of(
      groups_, [this](work::GroupIndex group) { return core_.machine().counts(group).running == 0; });
}

/// A node of a later version says what this one does not know: nothing may come of it.
std::string Process::later_kind(std::string bytes) {
  constexpr std::size_t kind_at = 3;
  bytes[kind_at] = '\x7f';
  return bytes;
}

void Process::send() {
  for (work::Frames frames = std::exchange(frames_, {}); work::SendFrame & frame : frames) {
    if (host_.later_version && stage_.timeline.now() >= later_kind_at_) {
      later_kind_at_ = stage_.timeline.now() + 1s;
      stage_.network.send(host_.index, frame.to, frame.frame_class, later_kind(frame.bytes));
    }
    stage_.network.send(host_.index, frame.to, frame.frame_class, std::move(frame.bytes));
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
  core_.appended(commit_);
  written_ = journal_->end();
  commit_.restart(written_);
  core_.written(now(), written_);
  host_.old_flights.clear();
  host_.flights_known = true;
  land();
  begin_sync();
  return true;
}

/// What has ended, and its record is written, leaves the flight table.
void Process::land() {
  std::erase_if(landing_, [&](const auto& it) {
    if (it.first > written_) return false;
    host_.flights.erase(it.second);
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
    core_.synced(now(), synced_);
    look_at_receipts();
    begin_sync();
  });
}

void Process::plan_tick() {
  const auto due = core_.next_deadline();
  if (!due || (tick_at_ && *tick_at_ <= *due)) return;
  tick_at_ = due;
  const auto wait = std::max<nanoseconds>(*due - stage_.timeline.now(), 0ns);
  later(stalled_ ? wait + 20ms : wait, [this, at = *due] {
    if (tick_at_ == at) tick_at_.reset();
    if (!stalled_) core_.tick(now());
  });
}

/// Anchors, makes room, carries what is old, drops what nobody needs.
void Process::maintain() {
  later(100ms, [this] { maintain(); });
  look_at_receipts();
  if (journal_->tail().position != anchored_) {
    const Position position = journal_->tail().position;
    if (auto anchored = journal_->anchor(); !anchored) return fail(anchored.error());
    anchored_ = position;
  }
  if (near_full() || journal_->room() < 2 * stage_.plan.segment_bytes) journal_->prepare();
  const std::uint64_t long_enough = 3 * stage_.plan.segment_bytes;
  if (stalled_ || journal_bytes() <= long_enough) return;
  const Position before = commit_.end();
  core_.carry(
      journal_->begin() + stage_.plan.segment_bytes, stage_.plan.segment_bytes / 4,
      [this](Position position) { return read(position); }, commit_);
  if (commit_.end() != before) stage_.totals.add("carried");
  if (over_) return;
  const Position begin = journal_->begin();
  if (auto dropped = journal_->drop(std::min(core_.oldest(), synced_)); !dropped)
    return fail(dropped.error());
  if (journal_->begin() != begin) stage_.totals.add("dropped");
}

bool Process::near_full() const { return journal_->room() < stage_.plan.segment_bytes; }

}  // namespace evmesh::sim_group
