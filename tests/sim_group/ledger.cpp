#include "ledger.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

namespace evmesh::sim_group {

EventId event_id(std::uint64_t number) {
  EventId id;
  for (std::size_t i = 0; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

std::string describe(const Entry& entry) {
  std::ostringstream out;
  out << "event " << entry.event << " of group " << entry.group << " (node " << entry.owner << ", seq "
      << entry.id.seq << ", copies " << entry.copies << ", runs " << entry.runs << ", generation "
      << entry.generation << ", attempt " << entry.last_attempt << (entry.done ? ", done" : "")
      << (entry.cancelled ? ", cancelled" : "") << (entry.excused ? ", excused" : "")
      << (entry.letters.empty() ? "" : ", a dead letter") << ')';
  return out.str();
}

Entry& Ledger::add(std::uint64_t event, work::GroupIndex group) {
  Entry& entry = entries_[{event, group}];
  entry.event = event;
  entry.group = group;
  entry.disruptions = disruptions_;
  return entry;
}

void Ledger::fail(std::string invariant, std::string what) {
  if (!violation_) violation_ = Violation{std::move(invariant), std::move(what)};
}

void Ledger::starts(Entry& entry, const Run& run, const work::Job& job, MonoTime now,
                    const RetryPolicy& retry) {
  const bool flagged = job.possibly_duplicate || entry.twins;  // of a twin nobody knows
  check_again(entry, run, flagged);
  if (run.generation > entry.generation) {
    entry.generation = run.generation;
    entry.last_attempt = 0;
    entry.secured_attempt = 0;
    entry.secured_done = false;
    entry.deaths = 0;
    entry.deaths_elsewhere = 0;
    entry.failed_at.reset();
    if (run.generation >= 3) totals_.add("generation_3");
  }
  check_number(entry, run, flagged, now, retry);
  if (run.generation == entry.generation) {
    entry.last_attempt = run.attempt;
    entry.last_not_run = false;
  }
  entry.run_disruptions = disruptions_;
  entry.running.push_back(run);
  ++entry.runs;
  totals_.add(entry.excused ? "runs_excused" : "runs");
  if (run.host != entry.owner) totals_.add("runs_elsewhere");
}

/// It may have run before.
void Ledger::check_again(Entry& entry, const Run& run, bool flagged) {
  const bool done = entry.done && entry.done_generation >= run.generation;
  const bool buried = std::ranges::any_of(
      entry.letters, [&](const auto& letter) { return letter.second.generation >= run.generation; });
  const bool earlier = run.generation < entry.generation;
  if (entry.running.empty() && !done && !earlier) {
    if (buried && plan_.one_letter() && !flagged)
      fail("I7", describe(entry) + " runs although it is a dead letter");
    return;
  }
  const std::string how = !entry.running.empty() ? " runs twice at once"
                          : done                 ? " runs again after it was done"
                                                 : " runs as an earlier generation";
  if (entry.disruptions == disruptions_) return fail("I4", describe(entry) + how + " without any fault");
  if (!flagged) return fail("I4", describe(entry) + how + " without being called a possible duplicate");
  totals_.add(!entry.running.empty() ? "twice_at_once" : "duplicate_run");
  if (!plan_.honest()) return;
  if (done && entry.secured_done && !plan_.heirs_may_tie()) fail("I4", describe(entry) + how + ", and its verdict was safe");
  // Who retired it for an heir may be away when its owner is back.
  const bool unheard = plan_.copied && !plan_.harmless();
  if (done && entry.done_life == run.life && !unheard) fail("I4", describe(entry) + how + " in the same life");
}

void Ledger::check_number(Entry& entry, const Run& run, bool flagged, MonoTime now,
                          const RetryPolicy& retry) {
  if (run.generation < entry.generation) return;
  const std::string number = std::to_string(run.attempt);
  if (run.attempt > retry.max_retries + 1) fail("I3", describe(entry) + " is attempted as number " + number);
  if (plan_.honest() && !(flagged && plan_.heirs_may_tie()) && run.attempt <= entry.secured_attempt)
    fail("I3", describe(entry) + " is attempted as number " + number + " again, which was safely noted");
  // Who takes over does so some time after what made it do so.
  const bool taken_over = flagged && plan_.copied && !plan_.harmless();
  const bool disrupted = entry.run_disruptions != disruptions_ || taken_over;
  if (run.attempt <= entry.last_attempt && !entry.last_not_run) {
    if (!disrupted) {
      fail("I3", describe(entry) + " is attempted as number " + number + " again without a fault");
    } else if (!flagged) {
      fail("I4", describe(entry) + " is attempted as number " + number +
                     " again without being called a possible duplicate");
    }
    totals_.add("attempt_again");
  }
  if (run.attempt == entry.last_attempt + 1 && entry.last_attempt > 0 && entry.failed_at && !disrupted) {
    const auto least = std::min(retry.cap, retry.first * (std::int64_t{1} << (entry.last_attempt - 1)));
    if (now - *entry.failed_at < least) fail("I6", describe(entry) + " is tried again too early");
  }
}

void Ledger::ends(Entry& entry, const Life& life, MonoTime now, Ending ending) {
  const auto run = std::ranges::find(entry.running, life, &Run::life);
  if (run == entry.running.end()) return fail("simulator", describe(entry) + " ends without having begun");
  const Run ended = *run;
  entry.running.erase(run);
  if (ending == Ending::not_run) {
    entry.last_not_run = true;
    return;
  }
  entry.ran_life = life;
  if (ending == Ending::done) {
    entry.done_generation = entry.done ? std::max(entry.done_generation, ended.generation) : ended.generation;
    entry.done = true;
    entry.done_life = life;
    entry.failed_at.reset();
  } else if (ended.generation == entry.generation) {
    entry.failed_at = now;
  }
  fresh_.push_back({{entry.event, entry.group}, ended.generation, ended.attempt, ending == Ending::done});
}

void Ledger::dies(Entry& entry, HostIndex host) {
  if (host != entry.owner) ++entry.deaths_elsewhere;
  // What ends a process may do so in several at once where two answer for it, and a power cut may take away
  // what the deaths before had written.
  if (++entry.deaths > plan_.deaths_max() && plan_.honest() &&
      !plan_.has_any({Fault::power_cut, Fault::power_all, Fault::crash}))
    fail("I3", describe(entry) + " has ended " + std::to_string(entry.deaths) + " processes");
  totals_.add("processes_ended_by_events");
}

void Ledger::stored(Entry& entry, HostIndex host, const DeadLetterId& letter, std::uint32_t generation) {
  if (plan_.one_letter()) {
    if (entry.secured_done && generation <= entry.done_generation)
      fail("I7", describe(entry) + " becomes a dead letter after its verdict was safe");
    if (generation < entry.generation)
      fail("I7", describe(entry) + " becomes a dead letter of an earlier generation");
  }
  entry.letters[host] = {letter, generation};
  entry.copies = 0;  // of letters there are none
  ++entry.burials;
  entry.promised = true;
  totals_.add("letters");
}

void Ledger::removed(Entry& entry, HostIndex host) { entry.letters.erase(host); }

void Ledger::redelivered(Entry& entry, std::uint32_t generation) {
  entry.cancelled = false;
  const bool again = entry.generation > generation || entry.redelivered > generation;
  entry.redelivered = std::max(entry.redelivered, generation + 1);
  if (!again || plan_.one_letter()) return;
  entry.twins = true;
  totals_.add("twin_letters_redelivered");
}

void Ledger::owner_knows_nothing(const NodeId& owner) {
  for (auto& [key, entry] : entries_) {
    if (entry.id.owner == owner) entry.deaths -= std::exchange(entry.deaths_elsewhere, 0);
  }
}

void Ledger::process_ended(const Life& life) {
  owner_knows_nothing(life.id);
  disrupted();
  for (auto& [key, entry] : entries_) {
    std::erase_if(entry.running, [&](const Run& run) { return run.life == life; });
  }
}

void Ledger::disk_lost(HostIndex host, const Held& held) {
  for (auto& [key, entry] : entries_) {
    const bool had_letter = entry.letters.erase(host) > 0;
    if (had_letter && entry.letters.empty() && !entry.done && entry.copies == 0) {
      entry.lost_letter = true;
      totals_.add("letter_lost_with_disk");
    }
    if (entry.done || entry.cancelled) continue;
    if (entry.copies > 0) {
      --entry.copies;
      continue;
    }
    const bool last_copy = !has_disk(entry.owner_life) && (!held.copies || held.copies->contains(entry.id.owner));
    if (entry.owner == host || held.owed.contains(entry.id) || last_copy) entry.excused = true;
  }
  lost_[held.latest.id] = held.latest.epoch;
}

void Ledger::lives_undone(const NodeId& node, std::uint64_t first, std::uint64_t last) {
  for (auto& [key, entry] : entries_) {
    const Life& life = entry.owner_life;
    const bool theirs = life.id == node && life.epoch >= first && life.epoch <= last;
    if (theirs && entry.copies == 0) entry.excused = true;
  }
}

void Ledger::check_end() {
  for (const auto& [key, entry] : entries_) {
    if (!entry.letters.empty() && entry.done && entry.done_generation >= entry.generation) {
      totals_.add("done_and_dead");
      if (plan_.one_letter() && entry.disruptions == disruptions_)
        fail("I7", describe(entry) + " is done and has a dead letter");
    }
    if (!entry.promised || entry.done || entry.cancelled || entry.excused || entry.lost_letter) continue;
    if (entry.letters.empty()) fail("I1", describe(entry) + " was accepted and is forgotten");
  }
}

}  // namespace evmesh::sim_group
