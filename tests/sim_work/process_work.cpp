#include <algorithm>
#include <utility>

#include "process.hpp"

namespace evmesh::sim_work {

using namespace std::chrono_literals;

namespace {

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

void Process::dispatch(std::uint64_t number, const std::vector<std::pair<work::GroupIndex, Habit>>& groups) {
  if (over_ || stopping_) return;
  if (stalled_ || near_full()) {
    refused_full_ = true;
    return stage_.totals.add("refused_full");
  }
  if (commit_.bytes().size() > journal_->largest_commit() / 4 && !flush()) return;
  work::Acceptance acceptance;
  acceptance.bus = "mail";
  acceptance.event_id = event_id(number);
  acceptance.event = work::parcel_of(payload(number));
  acceptance.time = stage_.wall();
  for (const auto& [group, habit] : groups) acceptance.groups.push_back(group);
  if (stage_.dice.chance(0.2) && stage_.host.paused.empty()) acceptance.claimed = {acceptance.groups.front()};
  const auto accepted = machine_.accept(acceptance, commit_);
  if (!accepted) return stage_.totals.add("refused_quota");
  if (std::exchange(refused_full_, false)) stage_.totals.add("accepted_after_full");
  std::vector<Ledger::Key> keys;
  for (const auto& [group, habit] : groups) {
    Entry& entry = stage_.ledger.add(number, group);
    entry.habit = habit;
    entry.misses = static_cast<unsigned>(stage_.dice.between(1, 4));
    entry.id = accepted->id;
    keys.emplace_back(number, group);
  }
  receipts_.emplace(accepted->end, std::move(keys));
  stage_.totals.add("accepted");
  stage_.line("accepted event " + std::to_string(number));
  if (!acceptance.claimed.empty() && accepted->claimed[0] != 0 && flush()) {
    run({.handle = accepted->claimed[0],
         .id = accepted->id,
         .group = acceptance.claimed[0],
         .event = acceptance.event});
  }
  if (stage_.dice.chance(0.5)) turn();  // otherwise several share a commit
}

void Process::redeliver(const StoredLetter& stored) {
  if (over_ || stopping_ || stalled_ || near_full() || !flush()) return;
  work::Acceptance acceptance;
  acceptance.bus = "mail";
  acceptance.event_id = event_id(stored.event);
  acceptance.event = work::parcel_of(stored.bytes);
  acceptance.time = stage_.wall();
  acceptance.groups = {stored.group};
  const auto accepted = machine_.redeliver(stored.letter, acceptance, commit_);
  if (!accepted) return;
  stage_.totals.add(accepted->has_value() ? "redelivered" : "redelivered_twice");
  if (!accepted->has_value()) return;
  Entry& entry = stage_.ledger.at(stored.event, stored.group);
  entry.cancelled = false;
  stage_.line("redelivered " + describe(entry));
  if (stored.letter.attempts.back().error.starts_with("crash"))
    stage_.totals.add("condemned_letter_redelivered");
  const auto again = machine_.redeliver(stored.letter, acceptance, commit_);
  if (!again || again->has_value()) stage_.ledger.fail("I8", describe(entry) + " is redelivered twice");
  turn();
}

void Process::pause(work::GroupIndex group, bool paused) {
  if (over_) return;
  machine_.pause(group, paused, actions_);
  turn();
}

void Process::cancel(work::GroupIndex group) {
  if (over_ || stalled_ || !flush()) return;
  for (auto& [key, entry] : stage_.ledger.entries()) {
    if (key.second != group) continue;
    const auto owed = machine_.owed(event_id(key.first));
    const auto it = std::ranges::find(owed, group, &work::Machine::Owed::group);
    if (it == owed.end() || it->state == "burying" || it->state == "settled") continue;
    entry.cancelled = true;
    if (it->state == "running") stage_.totals.add("cancelled_while_running");
  }
  while (const auto count = machine_.cancel(group, commit_)) {
    stage_.totals.add("cancelled", count);
    if (!flush()) return;
  }
  turn();
}

void Process::give_up(work::GroupIndex group) {
  if (over_ || stalled_ || !flush()) return;
  const std::string_view why = "the group was removed";
  while (const auto count = machine_.give_up(stage_.timeline.now(), stage_.wall(), group, why, commit_)) {
    stage_.totals.add("given_up", count);
    if (!flush()) return;
  }
  turn();
}

void Process::stop() {
  stopping_ = true;
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
  if (!event) event = read(machine_.position(it.handle).value_or(it.position));
  if (!event) return;
  StoredLetter stored{{it.letter, it.id, it.generation, it.attempts, it.doubt},
                      it.group,
                      number_in(event->bytes),
                      event->bytes};
  if (it.attempts.back().error.starts_with("quota")) stage_.totals.add("over_quota");
  const bool kept = !stage_.host.letters_fail || stage_.dice.chance(0.2);
  const auto store = [this, stored, kept, handle = it.handle] {
    Entry& entry = stage_.ledger.at(stored.event, stored.group);
    if (kept) {
      stage_.host.letters.try_emplace(stored.letter.id, stored);
      stage_.ledger.stored(entry, stored.letter.id, stored.letter.generation);
    } else {
      stage_.totals.add("letter_box_refused");
    }
    stage_.line((kept ? "letter stored: " : "letter refused: ") + describe(entry));
    // The process may end before it hears of it.
    later(stage_.dice.span(0ns, 2ms),
          [this, kept, handle] { machine_.letter_stored(stage_.timeline.now(), handle, kept, commit_); });
  };
  later(stage_.dice.span(100us, 30ms), store);
}

void Process::perform(const work::RemoveLetter& it) {
  later(stage_.dice.span(100us, 50ms), [this, it] {
    const bool gone = !stage_.host.letters_fail || stage_.dice.chance(0.2);
    const auto found = stage_.host.letters.find(it.letter);
    if (!gone) stage_.totals.add("letter_box_kept_letter");
    if (gone && found != stage_.host.letters.end()) {
      Entry& entry = stage_.ledger.at(found->second.event, found->second.group);
      stage_.ledger.removed(entry, it.letter);
      stage_.line("letter removed: " + describe(entry));
      stage_.host.letters.erase(found);
    }
    later(stage_.dice.span(0ns, 2ms), [this, it, gone] {
      machine_.letter_removed(stage_.timeline.now(), it.handle, gone, commit_, actions_);
    });
  });
}

// Executions.

void Process::take() {
  if (stalled_ || stopping_) return;
  for (const work::GroupIndex group : std::set(ready_)) {
    const unsigned room = stage_.plan.concurrency - std::min(running_in_[group], stage_.plan.concurrency);
    if (room == 0) continue;
    std::vector<work::Job> jobs;
    machine_.take(group, room, jobs);
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
    stage_.ledger.fail("I10", "an event has other bytes than were dispatched");
  const work::Flight flight = machine_.flight(job.handle);
  stage_.host.flights[job.handle] = flight;
  Entry& entry = stage_.ledger.at(number, job.group);
  work::Policy policy;
  policy.retry.max_retries = stage_.plan.retries;
  stage_.ledger.starts(entry, job, flight.generation, stage_.timeline.now(), policy.retry);
  stage_.line("runs " + describe(entry) + (job.suspect ? ", suspect" : "") +
              (job.possibly_duplicate ? ", possibly duplicate" : ""));
  ++running_in_[job.group];
  running_[job.handle] = {job, flight.generation, number};
  nanoseconds time = stage_.dice.span(50us, 30ms);
  if (entry.habit == Habit::slow) time = stage_.dice.span(500ms, 3s);
  later(time, [this, handle = job.handle] { finish(handle); });
}

work::Ran Process::outcome(Entry& entry) {
  using Ending = work::Ran::Ending;
  const bool missed = entry.misses > 0;
  switch (entry.habit) {
    case Habit::fails_first:
      if (!missed) break;
      --entry.misses;
      return {.ending = Ending::failed, .error = "not yet", .not_before = stage_.dice.chance(0.1) ? 2s : 0s};
    case Habit::fails_always: return {.ending = Ending::failed, .error = "never", .not_before = {}};
    case Habit::refuses: return {.ending = Ending::refused, .error = "refused", .not_before = {}};
    case Habit::unknown_first:
      if (!missed) break;
      --entry.misses;
      stage_.totals.add("unknown_type_waited");
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
    stage_.ledger.dies(entry);
    stage_.line("the process is ended by " + describe(entry));
    over_ = true;
    stage_.timeline.after(0ns, [alive = alive_, this] {
      if (*alive) on_end_(End::killed);
    });
    return;
  }
  work::Ran ran = outcome(entry);
  stage_.ledger.ends(entry, stage_.timeline.now(), ran.ending == work::Ran::Ending::done);
  stage_.line("ran " + describe(entry));
  ended_.push_back({handle, std::move(ran)});
}

void Process::hand_over(const Ended& ended) {
  const Running running = running_.at(ended.handle);
  running_.erase(ended.handle);
  --running_in_[running.job.group];
  ready_.insert(running.job.group);  // there is room again
  machine_.finished(stage_.timeline.now(), stage_.wall(), ended.handle, ended.ran, commit_, actions_);
  landing_.emplace_back(ended.ran.ending == work::Ran::Ending::unknown_type ? written_ : commit_.end(),
                        ended.handle);
  if (ended.ran.ending == work::Ran::Ending::done)
    verdicts_.emplace_back(commit_.end(), Ledger::Key{running.event, running.job.group});
}

void Process::look_at_end(End end) {
  over_ = true;
  if (end == End::stopped || !started_) return;
  Totals& totals = stage_.totals;
  if (!running_.empty()) totals.add("crashed_while_running");
  for (const work::GroupIndex group : groups_) {
    const work::GroupCounts counts = machine_.counts(group);
    if (counts.settled > 0) totals.add("crashed_while_settled");
    if (counts.burying > 0) totals.add("crashed_while_burying");
    if (counts.retrying > 0) totals.add("crashed_while_waiting");
  }
  if (end != End::power) return;
  if (synced_ != written_) totals.add("power_cut_lost_records");
  for (const auto& [id, stored] : stage_.host.letters) {
    const auto owed = machine_.owed(event_id(stored.event));
    if (std::ranges::find(owed, stored.group, &work::Machine::Owed::group) != owed.end())
      totals.add("power_cut_before_removal");
  }
}

}  // namespace evmesh::sim_work
