#include "ledger.hpp"

#include <algorithm>
#include <sstream>

namespace evmesh::sim_work {

EventId event_id(std::uint64_t number) {
  EventId id;
  for (std::size_t i = 0; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

std::string describe(const Entry& entry) {
  std::ostringstream out;
  out << "event " << entry.event << " of group " << entry.group << " (runs " << entry.runs << ", generation "
      << entry.generation << ", attempt " << entry.last_attempt << (entry.done ? ", done" : "")
      << (entry.cancelled ? ", cancelled" : "") << (entry.letter ? ", a dead letter" : "") << ')';
  return out.str();
}

void Ledger::fail(std::string invariant, std::string what) {
  if (!violation_) violation_ = Violation{std::move(invariant), std::move(what)};
}

void Ledger::starts(Entry& entry, const work::Job& job, std::uint32_t generation, MonoTime now,
                    const RetryPolicy& retry) {
  if (entry.running) fail("I4", describe(entry) + " runs twice at once");
  if (entry.verdict_synced) fail("I4", describe(entry) + " runs again after its verdict was synced");
  if (generation < entry.generation) fail("I8", describe(entry) + " runs as an earlier generation");
  if (entry.done) {
    if (!job.possibly_duplicate)
      fail("I4", describe(entry) + " runs again without being called a possible duplicate");
    if (entry.last_life == life_)
      fail("I4", describe(entry) + " runs again in the life in which it was done");
    if (unclean_ends_ == 0) fail("I4", describe(entry) + " is a duplicate without a fault");
    totals_.add(entry.last_power_cuts == power_cuts_ ? "duplicate_after_crash" : "duplicate_after_power_cut");
  }
  if (generation != entry.generation) {
    entry.generation = generation;
    entry.last_attempt = 0;
    entry.deaths = 0;
    entry.failed_at.reset();
    if (generation >= 3) totals_.add("generation_3");
  }
  check_number(entry, job, now, retry);
  entry.last_attempt = job.attempt;
  entry.last_power_cuts = power_cuts_;
  entry.last_life = life_;
  entry.running = true;
  ++entry.runs;
  totals_.add("runs");
}

void Ledger::check_number(Entry& entry, const work::Job& job, MonoTime now, const RetryPolicy& retry) {
  if (job.attempt > retry.max_retries + 1)
    fail("I3", describe(entry) + " is attempted as number " + std::to_string(job.attempt));
  if (job.attempt <= entry.last_attempt && entry.habit != Habit::unknown_first) {
    // A power cut may have taken away that it ran; then it is said.
    if (entry.last_power_cuts == power_cuts_) {
      fail("I3", describe(entry) + " is attempted as number " + std::to_string(job.attempt) + " again");
    } else if (!job.possibly_duplicate) {
      fail("I4", describe(entry) + " runs again without being called a possible duplicate");
    }
  }
  if (job.attempt == entry.last_attempt + 1 && entry.last_attempt > 0 && entry.failed_at) {
    const auto least = std::min(retry.cap, retry.first * (std::int64_t{1} << (entry.last_attempt - 1)));
    if (now - *entry.failed_at < least) fail("I6", describe(entry) + " is tried again too early");
  }
}

void Ledger::ends(Entry& entry, MonoTime now, bool success) {
  entry.running = false;
  entry.failed_at.reset();
  if (success) {
    entry.done = true;
  } else {
    entry.failed_at = now;
  }
}

void Ledger::dies(Entry& entry) {
  // A power cut may take away what the deaths before had written.
  if (++entry.deaths > 2 + power_cuts_)
    fail("I3", describe(entry) + " has ended " + std::to_string(entry.deaths) + " processes");
  totals_.add("processes_ended_by_events");
}

void Ledger::stored(Entry& entry, const DeadLetterId& letter, std::uint32_t generation) {
  if (entry.letter && *entry.letter != letter) fail("I8", describe(entry) + " has a second dead letter");
  if (entry.verdict_synced)
    fail("I7", describe(entry) + " becomes a dead letter after its verdict was synced");
  if (generation < entry.generation)
    fail("I7", describe(entry) + " becomes a dead letter of an earlier generation");
  entry.letter = letter;
  entry.promised = true;
  totals_.add("letters");
}

void Ledger::removed(Entry& entry, const DeadLetterId& letter) {
  if (entry.letter == letter) entry.letter.reset();
}

void Ledger::process_ended(bool power) {
  if (power) ++power_cuts_;
  ++unclean_ends_;
  for (auto& [key, entry] : entries_) {
    entry.running = false;
    if (power) entry.failed_at.reset();
  }
}

void Ledger::check_owed(const work::Machine& machine) {
  for (const auto& [key, entry] : entries_) {
    if (!entry.promised || entry.done || entry.cancelled || entry.letter) continue;
    const auto owed = machine.owed(event_id(entry.event));
    const bool there = std::ranges::any_of(owed, [&](const auto& it) { return it.group == entry.group; });
    if (!there) fail("I1", describe(entry) + " was accepted and is forgotten");
  }
}

void Ledger::check_end(const work::Machine& machine) {
  check_owed(machine);
  for (const auto& [key, entry] : entries_) {
    if (entry.letter && entry.verdict_synced) fail("I7", describe(entry) + " is done and has a dead letter");
    if (!machine.owed(event_id(entry.event)).empty()) fail("I2", describe(entry) + " is still owed");
  }
  if (machine.owed_count() != 0) fail("I2", std::to_string(machine.owed_count()) + " are still owed");
}

}  // namespace evmesh::sim_work
