#include "bus/work_engine.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "bus/outgoing_event.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::bus {

using work::Accepted;
using work::Actions;
using work::GroupIndex;
using work::Parcel;
using work::Position;

namespace {

/// Of events kept at hand; the others are read back.
constexpr std::uint64_t event_memory_bytes = 24 * limits::mib;

/// `decoders` may be null.
Result<wire::ReceivedEvent> decoded(std::string_view bytes, const Decoders* decoders) {
  auto received = wire::decode_event(bytes);
  if (!received) {
    return fail(ErrorCode::undecodable,
                "its event cannot be read: " + std::string(wire::to_string(received.error())));
  }
  if (decoders != nullptr) received->event = decoders->decoded(std::move(received->event));
  return std::move(*received);
}

}  // namespace

WorkEngine::WorkEngine(Services services, Settings settings)
    : services_(std::move(services)),
      settings_(std::move(settings)),
      syncs_(services_.counters.named("evmesh_journal_syncs_total")),
      appended_bytes_(services_.counters.named("evmesh_journal_bytes_total")),
      frames_dropped_(services_.counters.named("evmesh_work_frames_dropped_total")),
      uncopied_(services_.counters.named("evmesh_dead_letters_uncopied_total")),
      core_({.machine = {.self = settings_.self,
                         .epoch = settings_.epoch,
                         .seed = settings_.seed,
                         .event_bytes_max =
                             durable() ? event_memory_bytes : std::numeric_limits<std::uint64_t>::max(),
                         .meshed = services_.nudge != nullptr},
             .copies = settings_.copies,
             .seeded = settings_.seeded,
             .replicates = settings_.level == Level::replicated,
             .alone = !services_.nudge,
             .guards = durable(),
             .read = [this](Position position) { return read_parcel(position).value_or(nullptr); },
             .letters = [this](std::uint64_t after) { return letters_behind(after); }}),
      machine_(core_.machine()),
      pending_(durable() ? storage::Commit() : storage::Commit::counting(0)),
      scrubbed_bytes_(services_.counters.named("evmesh_journal_scrubbed_bytes_total")),
      damages_(services_.counters.named("evmesh_journal_damages_total")) {}

WorkEngine::~WorkEngine() { stop(); }

GroupIndex WorkEngine::declare(std::string_view bus, const Group& group, const work::Policy& policy) {
  const Lock lock(mutex_);
  return machine_.group(bus, group, policy);
}

std::optional<GroupIndex> WorkEngine::find(std::string_view bus, const Group& group) const {
  const Lock lock(mutex_);
  return machine_.find(bus, group);
}

work::Turn WorkEngine::turn(Actions& actions) {
  return {services_.clock.now(), services_.clock.wall(), pending_, actions, outbox_};
}

void WorkEngine::attach(GroupIndex group, std::weak_ptr<Puller> puller, std::uint32_t slots) {
  Lock lock(mutex_);
  if (pullers_.size() <= group) pullers_.resize(group + 1);
  pullers_[group] = std::move(puller);
  Actions actions;
  core_.runs(turn(actions), group, slots);
  after_change(lock, actions, {group});  // for what is owed already
}

void WorkEngine::detach(GroupIndex group) {
  Lock lock(mutex_);
  if (group < pullers_.size()) pullers_[group].reset();
  Actions actions;
  core_.runs(turn(actions), group, 0);
  after_change(lock, actions);
}

void WorkEngine::pause(GroupIndex group, bool paused) {
  Lock lock(mutex_);
  Actions actions;
  core_.pause(turn(actions), group, paused);
  after_change(lock, actions);
}

std::uint64_t WorkEngine::cancel(GroupIndex group) {
  return piece_by_piece([&] { return machine_.cancel(group, pending_); });
}

void WorkEngine::give_up(GroupIndex group, std::string_view why) {
  piece_by_piece(
      [&] { return machine_.give_up(services_.clock.now(), services_.clock.wall(), group, why, pending_); });
}

/// What is too much for one commit: `piece` is called under mutex_ until it says 0; the sum.
std::uint64_t WorkEngine::piece_by_piece(const std::function<std::uint64_t()>& piece) {
  std::uint64_t sum = 0;
  for (std::uint64_t count = 1; count > 0;) {
    Lock lock(mutex_);
    make_room_in_commit(lock);
    if (failure_ || stalled_) return sum;
    count = piece();
    sum += count;
    Actions actions;
    after_change(lock, actions);
  }
  return sum;
}

work::GroupCounts WorkEngine::counts(GroupIndex group) const {
  const Lock lock(mutex_);
  return machine_.counts(group);
}

Result<void> WorkEngine::admit() {
  if (failed_) return tl::unexpected(*failure());
  if (stopping_) return fail(ErrorCode::closed, "the node was stopped; open a new one");
  if (journal_ && !full_ && room_ < settings_.reserve_bytes / 2) ask_for_room();
  if (full_ || stalled_) {
    return fail(ErrorCode::disk_full,
                "the disk of " + settings_.directory.string() +
                    " is full: no new work is accepted until there is space; what was accepted goes on");
  }
  return settings_.degraded == Degraded::refuse ? admit_copies() : Result<void>();
}

Result<void> WorkEngine::fits(std::span<const GroupIndex> groups, std::uint64_t events, std::uint64_t bytes) {
  const Lock lock(mutex_);
  return machine_.fits(groups, events, bytes);
}

Result<Accepted> WorkEngine::accept(const work::Acceptance& acceptance, bool asks_for_sync) {
  Lock lock(mutex_);
  make_room_in_commit(lock);
  if (failure_) return tl::unexpected(*failure_);
  Result<Accepted> accepted = machine_.accept(acceptance, pending_);
  if (!accepted) return accepted;
  Groups wake = acceptance.claimed.empty() ? acceptance.groups : Groups{};
  if (journal_ && acceptance.claimed.empty() && asks_for_sync) {
    // Written first, so that those who are woken find it without a lock to wait for. Is somebody else
    // appending, they append it when they come for it.
    lock.unlock();
    if (append_unless_busy(accepted->end)) return accepted;
    lock.lock();
  }
  Actions actions;
  // Whoever runs these groups here appends the record when it comes for it.
  const bool flushes = flushes_itself();
  after_change(lock, actions, std::move(wake));
  if (flushes) flush();
  if (!acceptance.claimed.empty()) {
    if (auto written = wait_written(accepted->end); !written) {
      // The write that failed may have been this one's, or a sync behind it.
      return fail(ErrorCode::unknown_outcome,
                  "dispatch " + accepted->id.to_string() +
                      ": the journal failed; it may be owed, and may be lost: " + written.error().message);
    }
  }
  return accepted;
}

void WorkEngine::accept(std::string_view bus, std::vector<GroupIndex> groups, std::span<Offer> offers) {
  work::Acceptance acceptance;
  acceptance.bus = bus;
  acceptance.groups = std::move(groups);
  acceptance.time = services_.clock.wall();
  Lock lock(mutex_);
  for (Offer& offer : offers) {
    make_room_in_commit(lock);
    acceptance.event_id = offer.event_id;
    acceptance.event = std::move(offer.parcel);
    offer.accepted = failure_ ? tl::unexpected(*failure_) : machine_.accept(acceptance, pending_);
  }
  Actions actions;
  const bool flushes = flushes_itself();
  after_change(lock, actions, acceptance.groups);
  if (flushes) flush();
}

/// Under mutex_: others may run it, whom nobody wakes before it is written.
bool WorkEngine::flushes_itself() const { return journal_ && services_.nudge; }

Result<std::optional<Accepted>> WorkEngine::redeliver(const work::Machine::Letter& letter,
                                                      const work::Acceptance& acceptance) {
  Lock lock(mutex_);
  make_room_in_commit(lock);
  if (failure_) return tl::unexpected(*failure_);
  auto accepted = machine_.redeliver(letter, acceptance, pending_);
  if (!accepted || !*accepted) return accepted;
  Actions actions;
  after_change(lock, actions, acceptance.groups);
  return accepted;
}

void WorkEngine::take(GroupIndex group, std::size_t max, std::vector<work::Job>& out) {
  const std::size_t before = out.size();
  bool unwritten = false;
  {
    Lock lock(mutex_);
    if (failure_ || stopping_) return;
    unwritten = !pending_.empty();
    take(lock, group, max, out);
  }
  if (out.size() > before || !unwritten) return;
  flush();
  Lock lock(mutex_);
  if (!failure_ && !stopping_) take(lock, group, max, out);
}

void WorkEngine::take(Lock& lock, GroupIndex group, std::size_t max, std::vector<work::Job>& out) {
  if (parting_) return;
  Actions actions;
  core_.take(turn(actions), group, max, out);
  perform(lock, actions);
}

void WorkEngine::give_back(std::span<const work::Job> jobs) {
  Lock lock(mutex_);
  Actions actions;
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) core_.give_back(turn(actions), job->handle);
  after_change(lock, actions);
}

Result<std::string> WorkEngine::encoded(const Event& event, std::span<const RegistrationKey> keys) const {
  std::optional<Event> made;
  const auto sent = with_payload(event, settings_.payload, limits::event_size_bytes_max, made);
  if (!sent) return tl::unexpected(sent.error());
  std::string bytes;
  wire::encode_event(**sent, keys, settings_.payload, bytes);
  return bytes;
}

Result<std::shared_ptr<const Parcel>> WorkEngine::pack(const Event& event,
                                                       std::span<const RegistrationKey> keys, bool runs_here) const {
  const auto parcel = std::make_shared<Parcel>();
  const bool travels = durable() || services_.nudge;
  if (runs_here || !travels) {
    parcel->event = event;
    parcel->keys.assign(keys.begin(), keys.end());
  }
  if (!travels) {
    parcel->size = known_bytes_max(event).value_or(limits::kib);
    return parcel;
  }
  auto bytes = encoded(event, keys);
  if (!bytes) return tl::unexpected(bytes.error());
  parcel->bytes = std::move(*bytes);
  parcel->size = parcel->bytes.size();
  return parcel;
}

Result<Event> WorkEngine::event(const work::Job& job) const {
  const auto packed = event_of(job);
  if (!packed) return tl::unexpected(packed.error());
  if ((*packed)->event) return *(*packed)->event;
  auto received = decoded((*packed)->bytes, services_.decoders);
  if (!received) return tl::unexpected(std::move(received.error()));
  return std::move(received->event);
}

/// As it was packed.
Result<std::shared_ptr<const Parcel>> WorkEngine::event_of(const work::Job& job) const {
  if (job.event) return job.event;
  // It may be carried to another place, and its old one dropped, while it is read.
  for (std::optional<Position> before;;) {
    Position position = job.position;
    {
      const Lock lock(mutex_);
      position = machine_.position(job.handle).value_or(position);
    }
    auto read = read_parcel(position);
    if (read || before == position) return read;
    before = position;
  }
}

/// With the event as an object.
Result<std::shared_ptr<const Parcel>> WorkEngine::opened(std::shared_ptr<const Parcel> parcel) {
  if (parcel->event) return parcel;
  auto received = decoded(parcel->bytes, nullptr);
  if (!received) return tl::unexpected(std::move(received.error()));
  // Whoever opens it has no use for the bytes any more.
  return std::make_shared<const Parcel>(
      Parcel{{}, parcel->size, std::move(received->event), std::move(received->keys)});
}

Result<std::shared_ptr<const Parcel>> WorkEngine::read_parcel(Position position) const {
  if (!journal_) return fail(ErrorCode::storage, "there is no journal to read the event from");
  const auto record = journal_->read(position);
  if (!record) return tl::unexpected(record.error());
  if (const auto event = storage::event_of_record(*record, settings_.self)) {
    return work::parcel_of(std::string(*event));
  }
  return fail(ErrorCode::storage, "no event stands at position " + std::to_string(position) +
                                      " of the journal in " + settings_.directory.string() +
                                      "; evmesh journal check says what is damaged");
}

std::optional<std::size_t> WorkEngine::fly(const work::Job& job) {
  work::Flight flight;
  if (const auto known = job.flight()) {
    flight = *known;
  } else {
    const Lock lock(mutex_);
    flight = machine_.flight(job.handle);
  }
  const storage::FlightTable::Flight noted{flight.id.owner,   flight.id.epoch, flight.id.seq, flight.group,
                                           flight.generation, flight.attempt,  flight.suspect};
  auto slot = flights_->begin(noted);
  if (slot || !durable()) return slot;
  // The table is full of what has ended and is not written.
  const std::lock_guard appending(append_mutex_);
  append_pending();
  return flights_->begin(noted);
}

void WorkEngine::finished(std::span<const Ended> ended) {
  Lock lock(mutex_);
  Actions actions;
  const work::Turn now = turn(actions);
  for (const Ended& each : ended) {
    make_room_in_commit(lock);
    if (!failure_) core_.finished(now, each.job, each.ran);
    if (!each.flight) continue;
    if (each.job.foreign) {
      flights_->end(*each.flight);  // nothing of it is written here
    } else {
      landing_.emplace_back(pending_.end(), *each.flight);
    }
  }
  const bool many = landing_.size() >= landing_max;
  after_change(lock, actions);
  if (many) flush();
}

void WorkEngine::tick() {
  Lock lock(mutex_);
  tick_planned_.reset();
  if (failure_ || stopping_ || stalled_ || goodbye_end_ > 0) return;
  Actions actions;
  core_.tick(turn(actions));
  after_change(lock, actions);
}

/// Plans the next tick, does what the machine asks for, lets go of the lock and wakes those who run `wake`.
void WorkEngine::after_change(Lock& lock, Actions& actions, Groups wake) {
  if (!journal_ && !pending_.empty()) {
    // Nothing is kept: what was said is written and synced at once.
    core_.written(turn(actions), pending_.end());
    core_.synced(turn(actions), pending_.end());
    written_ = synced_ = pending_.end();
    pending_.restart(written_);
    land();
  } else if (journal_ && syncer_waits_ && !pending_.empty()) {
    sync_work_.notify_one();
  }
  if (!actions.empty()) core_.told(turn(actions));
  plan_tick();
  perform(lock, actions, std::move(wake));
}

/// Under mutex_.
void WorkEngine::plan_tick() {
  const auto deadline = core_.next_deadline();
  if (!deadline || stopping_ || (tick_planned_ && *tick_planned_ <= *deadline)) return;
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(*deadline - services_.clock.now());
  if (services_.timers.after(std::max(delay, std::chrono::milliseconds{0}), [this] { tick(); }))
    tick_planned_ = deadline;
}

void WorkEngine::perform(Lock& lock, Actions& actions, Groups wake) {
  for (work::Action& action : actions) {
    if (auto* store = std::get_if<work::StoreLetter>(&action)) letters_to_store_.push_back(std::move(*store));
    if (auto* remove = std::get_if<work::RemoveLetter>(&action)) letters_to_remove_.push_back(*remove);
    if (auto* load = std::get_if<work::LoadEvent>(&action)) events_to_load_.push_back(*load);
    if (auto* work = std::get_if<work::Ready>(&action)) wake.push_back(work->group);
  }
  if (!nothing_to_keep()) letter_work_.notify_one();
  const std::uint64_t ended_before = std::exchange(watched_ended_, machine_.watched_ended());
  if (watched_ended_ != ended_before) watched_changed_.notify_all();
  const Pullers pullers = pullers_of(wake);
  const bool nudge = must_nudge();
  lock.unlock();
  for (const auto& puller : pullers) puller->work_waits();
  if (!nudge || !outside_.enter()) return;
  services_.nudge();
  outside_.leave();
}

/// Under mutex_: whether the engine is to be told that there is something to send. It comes by itself at the
/// end of a turn that is under way.
bool WorkEngine::must_nudge() {
  if (!services_.nudge || nudged_ || (outbox_.empty() && !core_.wants_pump())) return false;
  nudged_ = true;
  return true;
}

/// Under mutex_: who runs them here.
WorkEngine::Pullers WorkEngine::pullers_of(std::span<const GroupIndex> groups) const {
  Pullers pullers;
  for (const GroupIndex group : groups) {
    auto puller = group < pullers_.size() ? pullers_[group].lock() : nullptr;
    if (puller) pullers.push_back(std::move(puller));
  }
  return pullers;
}

/// Under mutex_: flights whose end is written are over.
void WorkEngine::land() {
  const auto written =
      std::ranges::partition(landing_, [this](const auto& each) { return each.first > written_; });
  for (const auto& [position, slot] : written) flights_->end(slot);
  landing_.erase(written.begin(), landing_.end());
}

std::optional<Error> WorkEngine::failure() const {
  if (!failed_) return std::nullopt;
  const Lock lock(mutex_);
  return failure_;
}

}  // namespace evmesh::bus
