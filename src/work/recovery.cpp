#include <algorithm>
#include <utility>

#include "work/impl.hpp"

namespace evmesh::work {
namespace {

/// What comes behind it says nothing of what is owed here.
constexpr std::size_t of_goodbye = storage::WorkRecord(storage::Goodbye{}).index();

}  // namespace

Result<void> Machine::Impl::replay(Position position, std::string_view record) {
  const auto decoded = storage::decode_record(record, options_.self);
  if (!decoded) {
    return evmesh::fail(decoded.error().code,
                        decoded.error().message + " (position " + std::to_string(position) + ')');
  }
  if (const auto* life = std::get_if<storage::Life>(&*decoded); life && life->node != options_.self) {
    return evmesh::fail(ErrorCode::storage, "the journal is that of node " + life->node.to_string() +
                                                ", not of " + options_.self.to_string() +
                                                "; put each node's own directory back in its place");
  }
  if (decoded->index() > of_goodbye) return {};  // concerns copies
  said_goodbye_ = decoded->index() == of_goodbye;
  std::visit([&](const auto& each) { apply(position, each); }, *decoded);
  return {};
}

std::optional<Slot> Machine::Impl::find(const storage::Place& place) const {
  const auto group = book_.find_group(place.group);
  const auto slot = group ? book_.find(place.id, *group) : std::nullopt;
  return slot && book_[*slot].generation == place.generation ? slot : std::nullopt;
}

/// The youngest such record says it all: what stood before of these groups is taken away.
void Machine::Impl::apply(Position position, const storage::Owed& owed) {
  const auto old = [&](const storage::OwedGroup& each) { return outdated(owed, each); };
  if (std::ranges::any_of(owed.groups, old)) {
    storage::Owed rest = owed;
    std::erase_if(rest.groups, old);
    return rest.groups.empty() ? void() : apply(position, rest);
  }
  std::shared_ptr<const Parcel> event;
  if (book_.has_room(Parcel::memory_bytes(owed.event.size()))) event = parcel_of(std::string(owed.event));
  const HeldSlot held = book_.hold(owed.id, owed.event_id, owed.time, std::move(event), owed.event.size());
  book_.held(held).position = position;
  for (const storage::OwedGroup& each : owed.groups) {
    const GroupIndex group = book_.group(owed.bus, *Group::parse(each.name));
    if (const auto older = book_.find(owed.id, group)) leave_copy(*older);
    restore(held, each, group);
  }
}

void Machine::Impl::restore(HeldSlot held, const storage::OwedGroup& owed, GroupIndex group) {
  const Slot slot = book_.add(held, group, owed.generation);
  Obligation& it = book_[slot];
  it.needs = book_.held(held).position;
  it.attempts = owed.attempts;
  it.custody = owed.custody;
  it.ended = owed.ended;
  it.cancelled = owed.cancelled;
  it.suspect = owed.suspect;
  it.unsure = owed.unsure;
  it.doubt = owed.doubt;
  for (const storage::PastAttempt& past : owed.history) book_.add_past(slot, past);
  if (owed.wait.count() > 0) book_.extra(slot).wait = owed.wait;
  if (!owed.letter.nil()) book_.extra(slot).letter = owed.letter;
  if (options_.replica && owed.ended) keep_letter(slot);
}

void Machine::Impl::apply(Position, const storage::Started& started) {
  const auto slot = find(started.place);
  if (slot && book_[*slot].attempts + 1 == started.attempt) book_[*slot].announced = true;
}

void Machine::Impl::apply(Position, const storage::Failed& failed) {
  const auto slot = find(failed.place);
  if (!slot) return;
  Obligation& it = book_[*slot];
  // A copy may have it already: what was copied later than this was appended.
  if (failed.attempt < it.attempts) return;
  const bool known = failed.attempt == it.attempts;
  it.attempts = failed.attempt;
  it.ended = failed.ended;
  it.announced = false;
  it.unsure = false;
  it.suspect = false;
  if (!known) book_.add_past(*slot, {failed.attempt, failed.time, failed.node, failed.error});
  book_.extra(*slot).wait = failed.wait;
}

void Machine::Impl::apply(Position, const storage::Verdict& verdict) {
  const auto slot = find(verdict.place);
  if (!slot) return;
  if (!options_.replica || verdict.fate != storage::Fate::dead) return leave_copy(*slot);
  if (book_[*slot].extra) book_[*slot].extra->letter = {};
  keep_letter(*slot);
}

void Machine::Impl::apply(Position, const storage::Settled& settled) {
  const auto slot = find(settled.place);
  if (!slot) return;
  uncount_letter(*slot);
  book_[*slot].fate = settled.fate;
  book_.set(*slot, State::settled);
}

void Machine::Impl::apply(Position, const storage::Suspect& suspect) {
  const auto slot = find(suspect.place);
  if (!slot) return;
  book_[*slot].suspect = true;
  book_[*slot].doubt = storage::Doubt::process_ended;
}

void Machine::Impl::apply(Position, const storage::Cancelled& cancelled) {
  const auto group = book_.find_group(cancelled.group);
  if (!group) return;
  for (Slot slot = book_.groups()[*group].first; slot != none;) {
    const Slot next = book_[slot].group_after;
    if (!book_[slot].ended && book_[slot].state != State::settled) book_.remove(slot);
    slot = next;
  }
}

void Machine::Impl::apply(Position, const storage::Life& life) {
  if (life.doubtful) doubt_all();
  if (life.meshed) doubt_elsewhere();
}

void Machine::Impl::apply(Position, const storage::Goodbye&) {}

void Machine::Impl::doubt_all() {
  for (const Slot slot : all()) {
    Obligation& it = book_[slot];
    if (it.doubt == storage::Doubt::none) it.doubt = storage::Doubt::unknown;
    it.unsure = it.announced;
  }
}

void Machine::Impl::doubt_elsewhere() {
  for (const Slot slot : all()) {
    if (book_[slot].doubt == storage::Doubt::none) book_[slot].doubt = storage::Doubt::owner_ended;
  }
}

/// Everything owed, in the order of the journal.
std::vector<Slot> Machine::Impl::all() const {
  std::vector<Slot> slots;
  slots.reserve(book_.owed());
  for (HeldSlot held = book_.first_held(); held != none; held = book_.held(held).after) {
    for (Slot slot = book_.held(held).first; slot != none; slot = book_[slot].next_of_held)
      slots.push_back(slot);
  }
  return slots;
}

void Machine::Impl::recovered(MonoTime now, Timestamp wall, const std::optional<std::vector<Flight>>& flights,
                              storage::Commit& log) {
  const bool doubtful = !said_goodbye_ && !flights;
  const bool elsewhere = options_.meshed && !said_goodbye_;
  const Position life = say(storage::Life{.node = options_.self,
                                          .epoch = options_.epoch,
                                          .doubtful = doubtful,
                                          .meshed = elsewhere},
                            log);
  const std::vector<Slot> owed = all();
  recovered_at_ = wall;
  // A power cut that takes this life away, and with it all that shows what has run, would leave the goodbye.
  if (said_goodbye_ && !owed.empty()) goodbye_stands_ = life;
  if (doubtful) {
    doubt_all();
  } else if (!said_goodbye_) {
    end_flights(now, wall, *flights, log);
  }
  if (elsewhere) doubt_elsewhere();
  for (const Slot slot : owed) {
    const Handle handle = book_.handle(slot);
    resume(now, slot, life, log);
    if (elsewhere && book_.slot(handle)) hold_back(slot);
  }
  said_goodbye_ = false;
}

/// What ran when the process ended has failed once more, and is suspect; the one suspect that ran alone is
/// condemned.
void Machine::Impl::end_flights(MonoTime now, Timestamp wall, const std::vector<Flight>& flights,
                                storage::Commit& log) {
  const auto suspects = std::ranges::count_if(flights, &Flight::suspect);
  for (const Flight& flight : flights) {
    const auto slot = find({flight.id, flight.group, flight.generation});
    if (!slot || book_[*slot].attempts + 1 != flight.attempt || book_[*slot].state == State::settled)
      continue;
    Obligation& it = book_[*slot];
    if (it.ended || it.cancelled) continue;
#ifdef EVMESH_SEEDED_BUG_ATTEMPT_REUSED
    if (it.attempts > 1) {
      it.doubt = storage::Doubt::process_ended;
      continue;
    }
#endif
    const bool condemned = it.suspect && flight.suspect && suspects == 1;
    it.doubt = storage::Doubt::process_ended;
    fail(now, *slot,
         {.wall = wall,
          .node = options_.self,
          .error = condemned
                       ? "crash: the process ended twice while it ran, the second time as the only suspect"
                       : "the process ended while it ran",
          .last = condemned},
         log);
    if (condemned) ++counters_.quarantined;
    it.suspect = !it.ended;
    // Said of what has ended, too: its letter must remember that it may have run.
    say(storage::Suspect{place(*slot)}, log);
  }
}

/// Puts one obligation where it goes on. Nothing does before this life is in the journal.
void Machine::Impl::resume(MonoTime now, Slot slot, Position behind, storage::Commit& log) {
  Obligation& it = book_[slot];
  if (has_letter(slot)) after_sync(slot, behind);
  if (it.state == State::settled) {
    if (!has_letter(slot)) end(slot, it.fate, log);
    return;
  }
  if (it.cancelled) return end(slot, storage::Fate::cancelled, log);
  if (it.state == State::burying || it.state == State::waiting) return;  // its attempt has ended just now
  if (it.ended) {
    book_.set(slot, State::burying);
    it.needs = std::max(it.needs, behind);
    return after_sync(slot, it.needs);
  }
  it.needs = behind;
  const bool waits = it.unsure || (it.attempts > 0 && !it.announced);
  if (!waits) return queue(slot);
  book_.set(slot, State::waiting);
  if (it.unsure) return plan(now, slot, false);  // there may be more of these than one commit takes
#ifdef EVMESH_SEEDED_BUG_RETRY_TIMER_LOST
  if (it.attempts > 1) return;
#endif
  plan(now + book_.extra(slot).wait, slot, false);
}

void Machine::Impl::goodbye(storage::Commit& log) { say(storage::Goodbye{options_.epoch}, log); }

/// Nothing is in doubt for it: no process has ended.
void Machine::Impl::raise_epoch(std::uint64_t epoch, storage::Commit& log) {
  options_.epoch = epoch;
  say(storage::Life{.node = options_.self, .epoch = epoch, .doubtful = false, .meshed = false}, log);
}

}  // namespace evmesh::work
