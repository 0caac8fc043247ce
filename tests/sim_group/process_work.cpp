#include <algorithm>
#include <utility>

#include "process.hpp"
#include "storage/records.hpp"

namespace evmesh::sim_group {

using namespace std::chrono_literals;

namespace {

/// Longer without the copies that are wanted, and without being called degraded, no receipt waits.
constexpr auto receipt_time_max = 15s;
constexpr auto execution_timeout = 10s;

std::uint64_t number_in(std::string_view payload) {
  std::uint64_t number = 0;
  for (const char digit : payload.substr(0, payload.find(' ')))
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  return number;
}

}  // namespace

std::string Process::payload(std::uint64_t number) const {
  std::string text = std::to_string(number) + ' ';
  text.append(number * 37 % stage_.plan.payload_max, static_cast<char>('a' + number % 26));
  return text;
}

std::shared_ptr<const work::Parcel> Process::read(Position position) {
  auto bytes = journal_->read(position);
  if (!bytes) {
    fail(bytes.error());
    return nullptr;
  }
  const auto event = storage::event_of_record(*bytes, host_.id);
  if (!event) {
    stage_.ledger.fail("I20", "no event stands at " + std::to_string(position));
    return nullptr;
  }
  stage_.totals.add("event_read_back");
  return work::parcel_of(std::string(*event));
}

void Process::dispatch(std::uint64_t number, const std::vector<std::pair<work::GroupIndex, Habit>>& groups) {
  if (over_ || stopping_ || frozen_) return;
  if (stalled_ || near_full()) {
    refused_full_ = true;
    return stage_.totals.add("refused_full");
  }
  if (commit_.bytes().size() > journal_->largest_commit() / 4 && !flush()) return;
  work::Acceptance acceptance;
  acceptance.bus = "mail";
  // The same event may be dispatched twice, and is owed twice then.
  acceptance.event_id = event_id(stage_.dice.chance(0.1) ? (number + 1) / 2 : number);
  acceptance.event = work::parcel_of(payload(number));
  acceptance.time = wall();
  for (const auto& [group, habit] : groups) acceptance.groups.push_back(group);
  const work::GroupIndex first = acceptance.groups.front();
  const bool claims = stage_.paused.empty() && host_.runs.contains(first) && stage_.dice.chance(0.2);
  if (claims) acceptance.claimed = {first};
  const auto accepted = core_.machine().accept(acceptance, commit_);
  if (!accepted) return stage_.totals.add("refused_quota");
  if (std::exchange(refused_full_, false)) stage_.totals.add("accepted_after_full");
  for (const auto& [group, habit] : groups) {
    Entry& entry = stage_.ledger.add(number, group);
    entry.event_id = acceptance.event_id;
    entry.habit = habit;
    entry.misses = static_cast<unsigned>(stage_.dice.between(1, 4));
    entry.id = accepted->id;
    entry.owner = host_.index;
    entry.owner_life = life_;
    receipts_.emplace(accepted->end, Receipt{{number, group}, stage_.timeline.now(), entry.burials});
  }
  stage_.totals.add("accepted");
  if (stage_.trace)
    line("accepted event " + std::to_string(number) + ", seq " + std::to_string(accepted->id.seq));
  if (claims && accepted->claimed[0] != 0 && flush()) {
    run({.handle = accepted->claimed[0], .id = accepted->id, .group = first, .event = acceptance.event});
  }
  if (stage_.dice.chance(0.5)) turn();  // otherwise several share a commit
}

/// Receipts are given when as many disks hold it as are wanted, or there are not so many.
void Process::look_at_receipts() {
  const MonoTime time = stage_.timeline.now();
  for (auto it = receipts_.begin(); it != receipts_.end() && it->first <= synced_;) {
    Entry& entry = stage_.ledger.at(it->second.key.first, it->second.key.second);
    const work::Safety safety = core_.safety(it->first);
    if (!std::exchange(entry.promised, true)) stage_.totals.add("receipts_disk");
    if (entry.burials != it->second.burials) {  // it is a letter, or a redelivered one
      it = receipts_.erase(it);
      continue;
    }
    const bool copied = safety.copies >= safety.wanted;
    if (!safety.synced) return stage_.ledger.fail("I1", describe(entry) + " is synced and not called so");
    if (!copied && !safety.degraded) {
      if (!it->second.given && time - it->second.since > receipt_time_max &&
          !stage_.plan.has_any({Fault::slow_link, Fault::freeze}))
        stage_.ledger.fail("I1", describe(entry) + " waits for its copies, and is not called degraded");
      ++it;
      continue;
    }
    entry.copies = std::max(entry.copies, safety.copies - std::min(safety.copies, disks_gone()));
    const bool given = std::exchange(it->second.given, true);
    if (!given) stage_.totals.add(copied ? "receipts_replicated" : "receipts_degraded");
    if (given && copied) stage_.totals.add("copies_made_up");
    it = copied ? receipts_.erase(it) : std::next(it);
  }
}

/// Of its guardians, whose death it has not noticed yet.
std::uint32_t Process::disks_gone() const {
  const auto guardians = core_.guardians();
  return static_cast<std::uint32_t>(std::ranges::count_if(
      guardians, [&](const auto& each) { return each.whole && !each.late && !stage_.ledger.has_disk(each.life); }));
}

std::vector<work::Machine::Owed> Process::owed() const {
  std::vector<EventId> events;
  for (const auto& [key, entry] : stage_.ledger.entries()) events.push_back(entry.event_id);
  std::ranges::sort(events);
  events.erase(std::ranges::unique(events).begin(), events.end());
  return core_.machine().owed(events);
}

void Process::redeliver(const StoredLetter& stored) {
  if (over_ || stopping_ || frozen_ || stalled_ || near_full() || !flush()) return;
  work::Acceptance acceptance;
  acceptance.bus = "mail";
  acceptance.event_id = stage_.ledger.at(stored.event, stored.group).event_id;
  acceptance.event = work::parcel_of(stored.bytes);
  acceptance.time = wall();
  acceptance.groups = {stored.group};
  const auto accepted = core_.machine().redeliver(stored.letter, acceptance, commit_);
  if (!accepted) return;
  stage_.totals.add(accepted->has_value() ? "redelivered" : "redelivered_twice");
  if (!accepted->has_value()) return;
  Entry& entry = stage_.ledger.at(stored.event, stored.group);
  stage_.ledger.redelivered(entry, stored.letter.generation);
  receipts_.emplace((*accepted)->end, Receipt{{stored.event, stored.group}, stage_.timeline.now(), entry.burials});
  if (stage_.trace) line("redelivered " + describe(entry));
  const auto again = core_.machine().redeliver(stored.letter, acceptance, commit_);
  if (!again || again->has_value()) stage_.ledger.fail("I8", describe(entry) + " is redelivered twice");
  turn();
}

void Process::pause(work::GroupIndex group, bool paused) {
  if (over_) return;
  core_.pause(now(), group, paused);
  turn();
}

void Process::change_runs() {
  for (const work::GroupIndex group : groups_) {
    core_.runs(now(), group, host_.runs.contains(group) && !stopping_ ? stage_.plan.slots : 0);
    if (host_.runs.contains(group)) ready_.insert(group);
  }
  turn();
}

void Process::stop() {
  if (over_ || stopping_ || frozen_) return;
  stopping_ = true;
  stopping_since_ = stage_.timeline.now();
  line("stops");
  core_.leave(now());
  turn();
}

// What the machine asks for.

void Process::perform() {
  for (work::Actions actions = std::exchange(actions_, {}); const work::Action& action : actions) {
    std::visit([&](const auto& it) { perform(it); }, action);
  }
}

void Process::perform(const work::StoreLetter& it) {
  std::shared_ptr<const work::Parcel> event = it.event;
  if (!event) event = read(core_.machine().position(it.handle).value_or(it.position));
  if (!event) return;
  StoredLetter stored{{it.letter, it.id, it.generation, it.attempts, it.doubt},
                      it.group,
                      number_in(event->bytes),
                      event->bytes,
                      it.accepted};
  const bool kept = !host_.letters_fail || stage_.dice.chance(0.2);
  const auto store = [this, stored, kept, handle = it.handle] {
    Entry& entry = stage_.ledger.at(stored.event, stored.group);
    if (kept) {
      host_.letters.try_emplace(stored.letter.id, stored);
      stage_.ledger.stored(entry, host_.index, stored.letter.id, stored.letter.generation);
    } else {
      stage_.totals.add("letter_box_refused");
    }
    if (stage_.trace) line((kept ? "letter stored: " : "letter refused: ") + describe(entry));
    // The process may end before it hears of it.
    later(stage_.dice.span(0ns, 2ms), [this, kept, handle] {
      core_.machine().letter_stored(stage_.timeline.now(), handle, kept, commit_);
    });
  };
  later(stage_.dice.span(100us, 30ms), store);
}

/// All in one page, in the form of the log.
work::LetterPage Process::letters_to_copy() {
  work::LetterPage page;
  for (const auto& [id, stored] : host_.letters) {
    const auto name = core_.machine().name(stored.group);
    const auto& [letter, dispatch, generation, attempts, doubt] = stored.letter;
    const std::string group_name = name.group.to_string();
    if (core_.machine().owes({dispatch, storage::group_hash(name.bus, group_name), generation})) continue;
    storage::OwedGroup group;
    group.name = group_name;
    group.generation = generation;
    group.ended = true;
    group.doubt = doubt;
    for (const Attempt& each : attempts)
      group.history.push_back({each.number, each.time, each.node, each.error});
    if (!attempts.empty()) group.attempts = attempts.back().number;
    const EventId event_id = stage_.ledger.at(stored.event, stored.group).event_id;
    storage::encode_record(
        storage::Owed{dispatch, event_id, stored.accepted, name.bus, {group}, stored.bytes}, host_.id,
        page.records.emplace_back());
  }
  return page;
}

void Process::perform(const work::RemoveLetter& it) {
  later(stage_.dice.span(100us, 50ms), [this, it] {
    const bool gone = !host_.letters_fail || stage_.dice.chance(0.2);
    const auto found = host_.letters.find(it.letter);
    if (!gone) stage_.totals.add("letter_box_kept_letter");
    if (gone && found != host_.letters.end()) {
      Entry& entry = stage_.ledger.at(found->second.event, found->second.group);
      stage_.ledger.removed(entry, host_.index);
      if (stage_.trace) line("letter removed: " + describe(entry));
      host_.letters.erase(found);
    }
    later(stage_.dice.span(0ns, 2ms), [this, it, gone] {
      core_.machine().letter_removed(stage_.timeline.now(), it.handle, gone, commit_, actions_);
    });
  });
}

void Process::perform(const work::LoadEvent& it) {
  later(stage_.dice.span(10us, 5ms), [this, it] {
    auto event = read(core_.machine().position(it.handle).value_or(it.position));
    if (event) core_.loaded(now(), it.handle, std::move(event), "it cannot be read");
  });
}

// Executions.

void Process::take() {
  if (stalled_ || stopping_) return;
  for (const work::GroupIndex group : std::set(ready_)) {
    if (!host_.runs.contains(group)) continue;
    const unsigned room = stage_.plan.slots - std::min(running_in_[group], stage_.plan.slots);
    if (room == 0) continue;
    std::vector<work::Job> jobs;
    core_.take(now(), group, room, jobs);
    if (jobs.size() < room) ready_.erase(group);
    for (const work::Job& job : jobs) run(job);
  }
}

void Process::run(const work::Job& job) {
  std::shared_ptr<const work::Parcel> event = job.event;
  if (!event) event = read(job.position);
  if (!event) return;
  const std::uint64_t number = number_in(event->bytes);
  if (event->bytes != payload(number))
    return stage_.ledger.fail("I10", "an event has other bytes than were dispatched");
  const work::Flight flight = job.flight() ? *job.flight() : core_.machine().flight(job.handle);
  if (flight.attempt != job.attempt)
    stage_.ledger.fail("I3", "a flight and its job are of different attempts");
  host_.flights[job.handle] = flight;
  Entry& entry = stage_.ledger.at(number, job.group);
  if (entry.id != job.id)
    return stage_.ledger.fail("I10", describe(entry) + " runs under another dispatch id");
  const Run run{life_, host_.index, flight.generation, job.attempt};
  stage_.ledger.starts(entry, run, job, stage_.timeline.now(), policy_of(stage_.plan).retry);
  if (stage_.trace) {
    line("runs " + describe(entry) + (job.suspect ? ", suspect" : "") +
         (job.possibly_duplicate ? ", possibly duplicate" : ""));
  }
  if (running_.contains(job.handle))
    return stage_.ledger.fail("I4", describe(entry) + ": its handle is in use");
  ++running_in_[job.group];
  running_[job.handle] = {job, flight.generation, number};
  nanoseconds time = stage_.dice.span(50us, 30ms);
  if (entry.habit == Habit::slow) time = stage_.dice.span(300ms, 6s);
  if (entry.habit == Habit::hangs && entry.misses > 0) time = execution_timeout;
  later(time, [this, handle = job.handle] { finish(handle); });
}

work::Ran Process::outcome(Entry& entry) {
  using Ending = work::Ran::Ending;
  const bool missed = entry.misses > 0;
  switch (entry.habit) {
    case Habit::fails_first:
    case Habit::hangs:
      if (!missed) break;
      entry.misses = entry.habit == Habit::hangs ? 0 : entry.misses - 1;
      return {.ending = Ending::failed, .error = "not yet", .not_before = stage_.dice.chance(0.1) ? 2s : 0s};
    case Habit::fails_always: return {.ending = Ending::failed, .error = "never", .not_before = {}};
    case Habit::refuses: return {.ending = Ending::refused, .error = "refused", .not_before = {}};
    case Habit::new_type:
      if (!host_.old_build) break;
      stage_.totals.add("unknown_type_answered");
      return {.ending = Ending::unknown_type, .error = "unknown", .not_before = {}};
    case Habit::good:
    case Habit::slow:
    case Habit::ends_process: break;
  }
  return {};
}

void Process::finish(work::Handle handle) {
  const Running& running = running_.at(handle);
  Entry& entry = stage_.ledger.at(running.event, running.job.group);
  if (entry.habit == Habit::ends_process) {
    stage_.ledger.dies(entry, host_.index);
    line("the process is ended by " + describe(entry));
    over_ = true;
    return stage_.timeline.after(0ns, [alive = alive_, this] {
      if (*alive) on_end_(End::killed);
    });
  }
  work::Ran ran = outcome(entry);
  const auto ending = ran.ending == work::Ran::Ending::done           ? Ledger::Ending::done
                      : ran.ending == work::Ran::Ending::unknown_type ? Ledger::Ending::not_run
                                                                      : Ledger::Ending::failed;
  stage_.ledger.ends(entry, life_, stage_.timeline.now(), ending);
  if (stage_.trace) line("ran " + describe(entry));
  ended_.push_back({handle, std::move(ran)});
}

void Process::hand_over(const Ended& ended) {
  const Running running = running_.at(ended.handle);
  running_.erase(ended.handle);
  --running_in_[running.job.group];
  ready_.insert(running.job.group);  // there is room again
  core_.finished(now(), running.job, ended.ran);
  const bool unwritten = ended.ran.ending == work::Ran::Ending::unknown_type || commit_.empty();
  landing_.emplace_back(unwritten ? written_ : commit_.end(), ended.handle);
}

void Process::look_at_end(End end) {
  over_ = true;
  if (end == End::stopped || !started_) return;
  Totals& totals = stage_.totals;
  if (!running_.empty()) totals.add("crashed_while_running");
  for (const work::GroupIndex group : groups_) {
    const work::GroupCounts counts = core_.machine().counts(group);
    if (counts.settled > 0) totals.add("crashed_while_settled");
    if (counts.burying > 0) totals.add("crashed_while_burying");
    if (counts.retrying > 0) totals.add("crashed_while_waiting");
  }
  if (end == End::power && synced_ != written_) totals.add("power_cut_lost_records");
}

}  // namespace evmesh::sim_group
