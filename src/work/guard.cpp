#include "work/guard.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "work/guard_impl.hpp"

namespace evmesh::work {
namespace {

constexpr std::size_t of_goodbye = storage::WorkRecord(storage::Goodbye{}).index();
constexpr std::size_t seqs_max = 16'000;  // in one record

/// Where what was appended up to now ends.
Position here(const storage::Commit& log) { return log.empty() ? log.begin() : log.end(); }

}  // namespace

// The journal.

Machine& Guard::Impl::machine(const NodeId& owner, Replica& replica, Copy& copy, bool fresh) const {
  if (!copy.machine) {
    copy.machine = std::make_unique<Machine>(
        MachineOptions{.self = owner,
                       .event_bytes_max = options_.event_bytes_max,
                       .replica = work::Replica{options_.self.id, replica.epoch, fresh},
                       .letters_max = options_.letters_max,
                       .letters_bytes_max = options_.letters_bytes_max});
  }
  copy.machine->replica().epoch = replica.epoch;
  return *copy.machine;
}

/// One wrapped record, read back or just appended.
void Guard::Impl::apply(Position position, const storage::Copied& copied, Result<void>& result) {
  Replica& replica = replicas_[copied.owner];
  if (copied.epoch > replica.epoch) replica.set_version = copied.set_version;
  replica.epoch = std::max(replica.epoch, copied.epoch);
  if (copied.begin) replica.fresh = {};
  if (copied.begin || (copied.to > 0 && !copied.record.empty())) replica.letters_only = false;
  Copy& copy = copied.fresh ? replica.fresh : replica.whole;
  Machine& machine = this->machine(copied.owner, replica, copy, copied.fresh);
  if (!copied.record.empty()) result = machine.replay(position, copied.record);
  if (copied.to > 0) {
    copy.to = copied.to;
    copy.version = copied.set_version;
    copy.epoch = copied.epoch;
    replica.set_version = std::max(replica.set_version, copied.set_version);
    replica.witness = std::max(replica.witness, copied.synced);
    replica.noted_at = position;
    replica.gone = copied.gone;
  }
  if (!copied.end || !copied.fresh) return;
  replica.whole = std::exchange(replica.fresh, {});
  replica.whole.machine->replica().fresh = false;
}

void Guard::Impl::apply(const storage::Adopted& adopted, Position position) {
  Memory& memory = memory_[{{adopted.owner, adopted.epoch}, adopted.custody}];
  memory.set_version = std::max(memory.set_version, adopted.set_version);
  memory.to = std::max(memory.to, adopted.to);
  memory.letters = memory.letters || adopted.letters;
  if (memory.at == 0) memory.at = position;
  memory.unheard.insert(adopted.owner);
  if (!adopted.from.nil()) memory.unheard.insert(adopted.from);
  NumberSet& seqs = memory.groups[adopted.group];
  for (const auto& [first, last] : adopted.seqs) seqs.add({first, last});
}

Result<void> Guard::Impl::replay(Position position, std::string_view record) {
  const auto decoded = storage::decode_record(record, options_.self.id);
  if (!decoded) return tl::unexpected(decoded.error());
  Result<void> result;
  if (const auto* copied = std::get_if<storage::Copied>(&*decoded)) apply(position, *copied, result);
  if (const auto* dropped = std::get_if<storage::Dropped>(&*decoded)) {
    const auto found = replicas_.find(dropped->owner);
    if (found != replicas_.end() && !(dropped->but_ended && keep_ended(found->second)))
      replicas_.erase(found);
  }
  if (const auto* adopted = std::get_if<storage::Adopted>(&*decoded)) apply(*adopted, position);
  if (const auto* answered = std::get_if<storage::Answered>(&*decoded)) {
    std::erase_if(memory_, [&](const auto& each) {
      return each.first.first.id == answered->owner && each.first.first.epoch <= answered->epoch;
    });
  }
  return result;
}

/// Those that hold copies, of owners alive and gone.
template <class Visit>
void Guard::Impl::each_machine(const Visit& visit) const {
  const auto each = [&](const std::unique_ptr<Machine>& machine) {
    if (machine) visit(*machine);
  };
  for (const auto& [owner, replica] : replicas_) {
    each(replica.whole.machine);
    each(replica.fresh.machine);
  }
  for (const Adoption& adoption : adoptions_) {
    std::ranges::for_each(adoption.sources, each);
    std::ranges::for_each(adoption.spent, each);
  }
}

std::uint64_t Guard::Impl::record_bytes() const {
  std::uint64_t bytes = 0;
  each_machine([&](const Machine& machine) { bytes += machine.record_bytes(); });
  return bytes;
}

Position Guard::Impl::oldest() const {
  Position oldest = std::numeric_limits<Position>::max();
  each_machine([&](const Machine& machine) { oldest = std::min(oldest, machine.oldest()); });
  for (const auto& [owner, replica] : replicas_) {
    if (replica.noted_at > 0) oldest = std::min(oldest, replica.noted_at);
  }
  for (const Adoption& adoption : adoptions_) {
    if (adoption.step == Step::importing && adoption.replica.noted_at > 0)
      oldest = std::min(oldest, adoption.replica.noted_at);
  }
  for (const auto& [key, memory] : memory_) oldest = std::min(oldest, memory.at);
  return oldest;
}

bool Guard::Impl::carry(Position keep, std::uint64_t bytes, const Machine::Read& read, storage::Commit& log) {
  const Position enough = log.end() + bytes;
  bool all = true;
  const auto carry = [&](const std::unique_ptr<Machine>& machine) {
    if (!machine || machine->oldest() >= keep) return;
    all = log.end() < enough && machine->carry(keep, enough - log.end(), read, log) && all;
  };
  for (auto& [owner, replica] : replicas_) {
    carry(replica.whole.machine);
    carry(replica.fresh.machine);
    if (replica.noted_at > 0 && replica.noted_at < keep) note(replica, owner, log);
  }
  for (Adoption& adoption : adoptions_) {
    std::ranges::for_each(adoption.sources, carry);
    std::ranges::for_each(adoption.spent, carry);
    // What is known of the owner is said anew when the import is over.
    const Position noted = adoption.step == Step::importing ? adoption.replica.noted_at : 0;
    all = all && (noted == 0 || noted >= keep);
  }
  for (auto& [key, memory] : memory_) {
    if (memory.at >= keep) continue;
    all = all && log.end() < enough;
    if (log.end() < enough) say_memory(key, memory, log);
  }
  return all;
}

/// How far the copy goes, and its owner's disk. That is not known of a snapshot whose records were carried before its end came.
void Guard::Impl::note(Replica& replica, const NodeId& owner, storage::Commit& log) {
  const bool fresh = !replica.whole.machine;
  const Copy& copy = fresh ? replica.fresh : replica.whole;
  storage::encode_record(storage::Copied{.owner = owner,
                                         .epoch = std::max<std::uint64_t>(copy.epoch, 1),
                                         .set_version = std::max<std::uint64_t>(copy.version, 1),
                                         .fresh = fresh,
                                         .gone = replica.gone,
                                         .to = std::max<Position>(copy.to, 1),
                                         .synced = replica.witness,
                                         .record = {}},
                         options_.self.id, text_);
  replica.noted_at = log.add(text_);
}

void Guard::Impl::drop(const NodeId& owner, storage::Commit& log) {
  storage::encode_record(storage::Dropped{owner}, options_.self.id, text_);
  log.add(text_);
  replicas_.erase(owner);
  ++counters_.dropped;
}

/// What has come to an end stays, for the case that its owner is gone for good. Whether anything did.
bool Guard::Impl::keep_ended(Replica& replica) {
  for (Copy* copy : {&replica.whole, &replica.fresh}) {
    if (copy->machine && !copy->machine->keep_ended()) copy->machine.reset();
    copy->version = 0;  // nothing goes on from it
  }
  if (!replica.whole.machine && replica.fresh.machine) {
    std::swap(replica.whole, replica.fresh);
    replica.whole.machine->replica().fresh = false;
  }
  replica.letters_only = true;
  replica.stale = false;
  replica.adopt_at.reset();
  replica.superseded.reset();
  return replica.whole.machine != nullptr;
}

/// Another node has taken over the rest.
void Guard::Impl::drop_but_ended(Turn turn, const NodeId& owner) {
  Replica& replica = replicas_[owner];
  const bool known = replica.letters_only;
  if (!keep_ended(replica)) return drop(owner, turn.log);
  storage::encode_record(storage::Dropped{owner, true}, options_.self.id, text_);
  if (!known) turn.log.add(text_);
  if (!known || replica.noted_at == 0) note(replica, owner, turn.log);
  if (replica.gone) schedule(turn, owner, false);
}

void Guard::Impl::say_memory(const Key& key, Memory& memory, storage::Commit& log) {
  memory.at = 0;
  const bool taken_once = memory.unheard == std::set{key.first.id};
  if (taken_once) return say_memory(key, memory, NodeId{}, log);
  for (const NodeId& from : memory.unheard) {
    if (from != key.first.id) say_memory(key, memory, from, log);
  }
}

void Guard::Impl::say_memory(const Key& key, Memory& memory, const NodeId& from, storage::Commit& log) {
  for (const auto& [group, seqs] : memory.groups) {
    std::span<const wire::NumberRange> left = seqs.ranges();
    while (!left.empty()) {
      const auto some = left.first(std::min(left.size(), seqs_max));
      left = left.subspan(some.size());
      storage::Adopted record{.owner = key.first.id,
                              .epoch = key.first.epoch,
                              .set_version = memory.set_version,
                              .custody = key.second,
                              .group = group,
                              .seqs = {},
                              .from = from,
                              .to = memory.to,
                              .letters = memory.letters};
      for (const wire::NumberRange& range : some) record.seqs.emplace_back(range.first, range.last);
      storage::encode_record(record, options_.self.id, text_);
      const Position at = log.add(text_);
      if (memory.at == 0) memory.at = at;
    }
  }
}

// Taking copies.

bool Guard::Impl::sound(const wire::Copy& copy, const NodeId& owner) {
  return std::ranges::all_of(copy.records, [&](std::string_view record) {
    const auto decoded = storage::decode_record(record, owner);
    if (!decoded || decoded->index() > of_goodbye) return false;
    const auto* life = std::get_if<storage::Life>(&*decoded);
    return !life || life->node == owner;
  });
}

/// It has said that it found as much as there was.
bool Guard::Impl::remembers(const Replica& replica, const Life& later) {
  return replica.found_by == later.epoch && replica.found >= replica.witness;
}

/// A later life of the owner found less on its disk than there was: it was put back, or wiped, and will notice. What
/// it had is to be taken over, and not to be forgotten for what it has now.
bool Guard::Impl::is_behind(const Replica& replica, const Life& from) {
#ifdef EVMESH_SEEDED_BUG_AMNESIA
  if (replica.witness > 2'000) return false;
#endif
  return replica.whole.machine && from.epoch > replica.whole.epoch && !remembers(replica, from);
}

/// Which of the two copies a frame belongs to; null: none.
Guard::Impl::Copy* Guard::Impl::target(Replica& replica, const Life& from, const wire::Copy& copy) {
  if (from.epoch < replica.epoch) return nullptr;
  const bool known = replica.whole.machine && replica.whole.epoch == from.epoch && !replica.stale;
  if (known && replica.whole.version == copy.set_version) return &replica.whole;
  if (copy.begin && copy.from == 0) {
    replica.fresh = {.machine = nullptr, .version = copy.set_version, .epoch = from.epoch, .to = 0};
    return &replica.fresh;
  }
  const bool goes_on = replica.fresh.version == copy.set_version && replica.fresh.epoch == from.epoch;
  return goes_on && !replica.stale ? &replica.fresh : nullptr;
}

void Guard::Impl::on(Turn turn, const Life& from, const wire::Copy& copy) {
  const bool known = replicas_.contains(from.id);
  const bool adopting = std::ranges::any_of(
      adoptions_, [&](const Adoption& each) { return each.owner == from.id && each.step == Step::importing; });
  if (!options_.guards || adopting || (!known && replicas_.size() >= limits::members_max)) return;
  if (!known && !copy.begin) return ask_anew(turn, from, copy);
  if (!sound(copy, from.id)) {
    ++counters_.unfit;
    return;
  }
  Replica& replica = replicas_[from.id];
  if (copy.end && is_behind(replica, from)) {
    ++counters_.unfit;
    return;
  }
  Copy* const into = target(replica, from, copy);
  if (!into) return from.epoch < replica.epoch ? void() : ask_anew(turn, from, copy);
  const bool is_whole = into == &replica.whole;
  if (copy.from > into->to) {
    ++counters_.holes;
    return;
  }
  if (is_whole && copy.records.empty() && copy.from == copy.to && !copy.begin) {
    if (copy.to <= replica.witness) return;
    replica.witness = copy.to;
    return note(replica, from.id, turn.log);
  }
  if (copy.to <= into->to && !copy.end) {
    ++counters_.repeats;
    return confirm(from, *into, here(turn.log));
  }
  if (is_whole && copy.end) return confirm(from, *into, here(turn.log));
  take(turn, from, copy, replica, *into);
}

/// What this goes on from is not here: it was taken over, or never came.
void Guard::Impl::ask_anew(Turn turn, const Life& from, const wire::Copy& copy) {
  if (up_.contains(from)) Outbox(options_.self, turn.frames).say(from, wire::Copied{copy.set_version, 0});
}

void Guard::Impl::take(Turn turn, const Life& from, const wire::Copy& copy, Replica& replica, Copy& into) {
  const bool fresh = &into == &replica.fresh;
  replica.stale = false;
  replica.gone = false;
  replica.adopt_at.reset();
  replica.superseded.reset();
  std::vector<std::string_view> records = copy.records;
  if (records.empty()) records.emplace_back();
  Result<void> result;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const storage::Copied copied{.owner = from.id,
                                 .epoch = from.epoch,
                                 .set_version = copy.set_version,
                                 .begin = copy.begin && i == 0,
                                 .end = copy.end && i + 1 == records.size(),
                                 .fresh = fresh,
                                 .to = std::max<Position>(copy.to, 1),
                                 .synced = replica.witness,
                                 .record = records[i]};
    storage::encode_record(copied, options_.self.id, text_);
    apply(turn.log.add(text_), copied, result);
  }
  ++counters_.frames;
  counters_.records += copy.records.size();
  Copy& now = copy.end ? replica.whole : into;
  now.to = copy.to;
  confirm(from, now, here(turn.log));
#ifdef EVMESH_SEEDED_BUG_GUARDIAN_NOT_SYNCED
  synced(turn, synced_);
#endif
}

void Guard::Impl::confirm(const Life& owner, const Copy& copy, Position behind) {
#ifdef EVMESH_SEEDED_BUG_GUARDIAN_NOT_SYNCED
  if (counters_.frames > 8) behind = 0;
#endif
  acks_.push_back({behind, owner, {copy.version, copy.to}});
}

void Guard::Impl::synced(Turn turn, Position end) {
  synced_ = std::max(synced_, end);
  std::map<Life, wire::Copied> confirmed;
  while (!acks_.empty() && acks_.front().behind <= synced_) {
    confirmed[acks_.front().owner] = acks_.front().copied;
    acks_.pop_front();
  }
  Outbox out(options_.self, turn.frames);
  for (const auto& [owner, copied] : confirmed) {
    if (up_.contains(owner)) out.say(owner, copied);
  }
  while (!answers_.empty() && answers_.front().behind <= synced_) {
    say(turn, std::move(answers_.front()));
    answers_.pop_front();
  }
  Actions none;
  for (auto& [owner, replica] : replicas_) {
    if (replica.whole.machine) replica.whole.machine->synced(end, none);
    if (replica.fresh.machine) replica.fresh.machine->synced(end, none);
  }
}

/// Who is no guardian of it any more has nothing to keep.
void Guard::Impl::on(Turn turn, const Life& from, const wire::Guard& guard) {
  const auto found = replicas_.find(from.id);
  if (found == replicas_.end() || from.epoch < found->second.epoch) return;
  Replica& replica = found->second;
  replica.adopt_at.reset();
  // A later life that found less than there was has forgotten what it owed, and begins anew when it hears of it. The
  // counts of sets go on from life to life, too.
  replica.found_by = from.epoch;
  replica.found = guard.found;
  const bool later = from.epoch > (replica.whole.machine ? replica.whole.epoch : replica.epoch);
  const bool uncertain = replica.witness == 0 && guard.set_version <= replica.set_version;
  if (later && (!remembers(replica, from) || uncertain)) return;
#ifdef EVMESH_SEEDED_BUG_OLD_COPY_REVIVES
  if (guard.set_version > 3 && std::ranges::find(guard.guardians, options_.self.id) == guard.guardians.end()) return;
#endif
  if (std::ranges::find(guard.guardians, options_.self.id) == guard.guardians.end()) return drop(from.id, turn.log);
  if (from.epoch > replica.epoch) return;
  replica.set_version = std::max(replica.set_version, guard.set_version);
  replica.guardians = guard.guardians;
}

std::vector<Guard::View> Guard::Impl::copies() const {
  std::vector<View> views;
  for (const auto& [owner, replica] : replicas_) {
    const Copy& copy = replica.whole.machine ? replica.whole : replica.fresh;
    views.push_back({owner, replica.epoch, replica.whole.machine != nullptr, replica.stale, copy.to,
                     copy.machine ? copy.machine->owed_count() : 0, replica.letters_only});
  }
  return views;
}

/// Also while it is being taken over, and when a later life has begun to send what it has.
Guard::Witness Guard::Impl::witness(const Life& back) const {
  const auto seen = [&](const Replica& replica) -> Witness {
    const std::uint64_t epoch = replica.whole.epoch > 0 ? replica.whole.epoch : replica.epoch;
    return epoch < back.epoch ? Witness{epoch, replica.witness} : Witness{};
  };
  const auto found = replicas_.find(back.id);
  if (found != replicas_.end()) return seen(found->second);
  for (const Adoption& adoption : adoptions_) {
    if (adoption.owner == back.id && adoption.step == Step::importing) return seen(adoption.replica);
  }
  return {};
}

// The class.

Guard::Guard(GuardOptions options, Machine& own, GuardHooks hooks)
    : impl_(std::make_unique<Impl>(options, own, std::move(hooks))) {}
Guard::~Guard() = default;

Result<void> Guard::replay(Position position, std::string_view record) { return impl_->replay(position, record); }
void Guard::recovered(Turn turn) { impl_->recovered(turn); }
void Guard::synced(Turn turn, Position end) { impl_->synced(turn, end); }
void Guard::settled(Turn turn, Position end) { impl_->settled(turn, end); }
Position Guard::oldest() const { return impl_->oldest(); }
std::uint64_t Guard::record_bytes() const { return impl_->record_bytes(); }
bool Guard::carry(Position keep, std::uint64_t bytes, const Machine::Read& read, storage::Commit& log) {
  return impl_->carry(keep, bytes, read, log);
}

void Guard::member_up(Turn turn, const Life& life) { impl_->member_up(turn, life); }
void Guard::raise_epoch(std::uint64_t epoch) { impl_->raise_epoch(epoch); }
void Guard::member_down(Turn turn, const Life& life) { impl_->member_down(turn, life); }
void Guard::life_ended(Turn turn, const Life& life, bool clean) { impl_->life_ended(turn, life, clean); }

void Guard::gone(Turn turn, const NodeId& owner) { impl_->gone(turn, owner); }

void Guard::on(Turn turn, const Life& from, const wire::Copy& copy) { impl_->on(turn, from, copy); }
void Guard::on(Turn turn, const Life& from, const wire::Guard& guard) { impl_->on(turn, from, guard); }
void Guard::on(Turn turn, const Life& from, const wire::Adopted& adopted) { impl_->on(turn, from, adopted); }
void Guard::on(Turn turn, const Life& from, const wire::AdoptedAnswer& answer) { impl_->on(turn, from, answer); }

void Guard::ran_here(Turn turn, const wire::StateEntry& how) { impl_->ran_here(turn, how); }
bool Guard::waits_for_runs() const { return impl_->waits_for_runs(); }

void Guard::pump(Turn turn, const Machine::Read& read) { impl_->pump(turn, read); }
bool Guard::wants_pump() const { return impl_->wants_pump(); }
void Guard::tick(Turn turn) { impl_->tick(turn); }
std::optional<MonoTime> Guard::next_deadline() const { return impl_->next_deadline(); }

std::vector<Guard::View> Guard::copies() const { return impl_->copies(); }
Guard::Witness Guard::witness(const Life& back) const { return impl_->witness(back); }
const GuardCounters& Guard::counters() const { return impl_->counters_; }

}  // namespace evmesh::work
