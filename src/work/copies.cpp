#include "work/copies.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "work/copies_impl.hpp"

namespace evmesh::work {
namespace {

constexpr auto last_kind = 9;  // of the records that say what is owed; those behind concern copies themselves

bool is_copied(std::string_view record) { return !record.empty() && static_cast<unsigned char>(record[0]) <= last_kind; }

}  // namespace

// The log.

void Copies::Impl::appended(const storage::Commit& commit) {
  if (appended_ == 0) dropped_ = copied_ = commit.begin();
  storage::RecordWalk walk(commit.bytes().substr(storage::commit_header_bytes),
                           commit.begin() + storage::commit_header_bytes);
  while (const auto record = walk.next()) {
    if (!is_copied(record->bytes)) continue;
    const Position end = record->position + storage::record_header_bytes + record->bytes.size();
    copied_ = end;
    if (guardians_.empty()) continue;
    ring_.push_back({record->position, end, std::string(record->bytes)});
    ring_bytes_in_use_ += record->bytes.size();
  }
  appended_ = commit.end();
  trim();
}

/// What all have confirmed goes, and what is too much.
void Copies::Impl::trim() {
  Position needed = copied_;
  for (const Guardian& guardian : guardians_) {
    needed = std::min(needed, guardian.is_whole() ? guardian.confirmed : guardian.begun ? guardian.stream : copied_);
  }
  while (!ring_.empty() && (ring_.front().end <= needed || ring_bytes_in_use_ > options_.ring_bytes)) {
    dropped_ = ring_.front().end;
    ring_bytes_in_use_ -= ring_.front().record.size();
    ring_.pop_front();
  }
  if (ring_.empty()) dropped_ = copied_;
}

void Copies::Impl::carry(Position keep, storage::Commit& log) {
  if (version_ == 0 || record_at_ == 0 || record_at_ >= keep) return;
  storage::Guardians record{.set_version = version_, .nodes = {}};
  for (const Guardian& guardian : guardians_) record.nodes.push_back(guardian.life.id);
  std::string bytes;
  storage::encode_record(record, options_.self.id, bytes);
  record_at_ = log.add(bytes);
}

// Sending.

void Copies::Impl::begin(Guardian& guardian, MonoTime now, std::uint64_t version) {
  if (guardian.walk) machine_.end_snapshot(*guardian.walk);
  guardian = {.life = guardian.life,
              .version = version,
              .walk = std::nullopt,
              .late = guardian.late,
              .progress = guardian.progress,
              .repeated = now};
}

/// What was sent and not confirmed may be lost.
void Copies::Impl::rewind(Guardian& guardian, MonoTime now) {
  if (!guardian.begun) return;
  ++counters_.repeats;
  if (!guardian.is_whole()) return begin(guardian, now, ++version_);
  guardian.sent = guardian.stream = guardian.confirmed;
  guardian.repeated = now;
}

bool Copies::Impl::has_more(const Guardian& guardian) const { return !guardian.ended || guardian.stream < copied_; }

bool Copies::Impl::wants_pump() const {
  return std::ranges::any_of(guardians_, [&](const Guardian& guardian) { return has_more(guardian); });
}

void Copies::Impl::pump(Turn turn, const Room& room, const Machine::Read& read, const ReadLetters& letters) {
  for (Guardian& guardian : guardians_) send(turn, guardian, room, {read, letters});
}

/// Until the snapshot is confirmed everything goes in one class, so that nothing of the log overtakes a piece.
void Copies::Impl::send(Turn turn, Guardian& guardian, const Room& room, const Reads& reads) {
  if (guardian.begun && guardian.stream < dropped_) {
    ++counters_.overruns;
    begin(guardian, turn.now, ++version_);
  }
  std::uint64_t left = room.room_bytes(guardian.life, guardian.is_whole() ? wire::Class::work : wire::Class::bulk);
  while (left > 0 && has_more(guardian)) {
    if (!guardian.waits()) guardian.progress = turn.now;
    std::uint64_t bytes = guardian.begun && guardian.stream < copied_ ? send_stream(turn, guardian) : 0;
    if (!guardian.ended) bytes += send_piece(turn, guardian, reads);
    if (bytes == 0) return;
    left -= std::min(left, bytes);
  }
}

std::uint64_t Copies::Impl::send_stream(Turn turn, Guardian& guardian) {
  wire::Copy copy;
  std::uint64_t size = 0;
  auto entry = std::ranges::lower_bound(ring_, guardian.stream, {}, &Entry::at);
  for (; entry != ring_.end() && copy.records.size() < limits::work_list_max; ++entry) {
    if (size > 0 && size + entry->record.size() > options_.frame_bytes) break;
    size += entry->record.size() + 4;
    copy.records.push_back(entry->record);
    guardian.stream = entry->end;
  }
  if (copy.records.empty()) return 0;
  copy.to = guardian.ended ? guardian.stream : guardian.sent + 1;
  return send_copy(turn, guardian, std::move(copy));
}

/// False: the snapshot is complete.
bool Copies::Impl::next_piece(Guardian& guardian, const Reads& reads, std::vector<std::string>& records) {
  if (!guardian.walked) {
    guardian.walked = !machine_.snapshot(*guardian.walk, options_.frame_bytes / 2, reads.event, records);
    if (!guardian.walked || !records.empty()) return true;
  }
  for (bool more = true; more && records.empty();) {
    auto page = reads.letters(guardian.letters_after);
    if (!page) return true;
    records = std::move(page->records);
    guardian.letters_after = page->last;
    more = page->more;
    if (!more) return false;
  }
  return true;
}

std::uint64_t Copies::Impl::send_piece(Turn turn, Guardian& guardian, const Reads& reads) {
  if (!guardian.walk) {
    guardian.walk = machine_.begin_snapshot();
    guardian.stream = appended_;
    ++counters_.snapshots;
  }
  std::vector<std::string> records;
  const bool more = next_piece(guardian, reads, records);
  if (more && records.empty()) return 0;
  wire::Copy copy;
  copy.begin = !std::exchange(guardian.begun, true);
  copy.end = !more;
  copy.records.assign(records.begin(), records.end());
  copy.to = more ? guardian.sent + 1 : guardian.stream;
  if (!more) {
    guardian.ended = true;
    guardian.end_at = guardian.stream;
    machine_.end_snapshot(*std::exchange(guardian.walk, std::nullopt));
  }
  return send_copy(turn, guardian, std::move(copy));
}

std::uint64_t Copies::Impl::send_copy(Turn turn, Guardian& guardian, wire::Copy copy) {
  copy.set_version = guardian.version;
  copy.from = std::exchange(guardian.sent, copy.to);
  Outbox(options_.self, turn.frames)
      .send(guardian.life, guardian.is_whole() ? wire::Class::work : wire::Class::bulk, copy);
  ++counters_.frames;
  counters_.records += copy.records.size();
  counters_.bytes += turn.frames.back().bytes.size();
  return turn.frames.back().bytes.size();
}

/// A frame that claims nothing new says how far this node's own disk is: what no later life may fall behind.
void Copies::Impl::say_synced(Turn turn) {
  for (Guardian& guardian : guardians_) {
    const Position synced = std::min(synced_, guardian.confirmed);
    if (!guardian.is_whole() || synced <= guardian.told_synced) continue;
    guardian.told_synced = synced;
    Outbox(options_.self, turn.frames)
        .say(guardian.life, wire::Copy{.set_version = guardian.version, .from = synced, .to = synced, .records = {}});
  }
}

void Copies::Impl::on(Turn turn, const Life& from, const wire::Copied& copied) {
  Guardian* const guardian = find(from);
  if (!guardian || copied.set_version != guardian->version) return;
  if (copied.to == 0 && guardian->begun) {
    ++counters_.repeats;
    return begin(*guardian, turn.now, ++version_);
  }
  if (copied.to <= guardian->confirmed || copied.to > guardian->sent) return;
  const bool was_whole = guardian->is_whole();
  guardian->confirmed = copied.to;
  guardian->progress = turn.now;
  guardian->late = false;
  if (!was_whole && guardian->is_whole()) tell_at_ = turn.now;
  trim();
}

// How safe it is.

Position Copies::Impl::reach(const Guardian& guardian) const {
  return guardian.confirmed >= copied_ ? appended_ : guardian.confirmed;
}

Position Copies::Impl::safe() const {
  Position safe = synced_;
  for (const Guardian& guardian : guardians_) {
    if (guardian.counts()) safe = std::min(safe, reach(guardian));
  }
  return safe;
}

std::uint32_t Copies::Impl::copies(Position end) const {
  return static_cast<std::uint32_t>(std::ranges::count_if(
      guardians_, [&](const Guardian& guardian) { return guardian.counts() && reach(guardian) >= end; }));
}

std::uint32_t Copies::Impl::whole() const {
  return static_cast<std::uint32_t>(std::ranges::count_if(guardians_, &Guardian::counts));
}

std::vector<Copies::View> Copies::Impl::guardians() const {
  std::vector<View> views;
  for (const Guardian& each : guardians_) {
    views.push_back({each.life, each.is_whole(), each.late, each.is_whole() ? each.confirmed : 0});
  }
  return views;
}

void Copies::Impl::lives(std::vector<Life>& out) const {
  for (const Guardian& each : guardians_) out.push_back(each.life);
}

// The class.

Copies::Copies(CopiesOptions options, Machine& machine) : impl_(std::make_unique<Impl>(options, machine)) {}
Copies::~Copies() = default;

void Copies::replay(Position position, const storage::Guardians& guardians) {
  impl_->version_ = std::max(impl_->version_, guardians.set_version);
  impl_->record_at_ = position;
  impl_->had_guardians_ = guardians.nodes;
}
void Copies::recovered(Position end) { impl_->found_ = end; }
const std::vector<NodeId>& Copies::had_guardians() const { return impl_->had_guardians_; }
void Copies::appended(const storage::Commit& commit) { impl_->appended(commit); }
void Copies::synced(Position end) { impl_->synced_ = std::max(impl_->synced_, end); }

Position Copies::oldest() const {
  return impl_->record_at_ == 0 ? std::numeric_limits<Position>::max() : impl_->record_at_;
}

void Copies::carry(Position keep, storage::Commit& log) { impl_->carry(keep, log); }
void Copies::member_up(Turn turn, const Life& life, bool transient) { impl_->member_up(turn, life, transient); }
void Copies::raise_epoch(std::uint64_t epoch, Position end) { impl_->raise_epoch(epoch, end); }
void Copies::member_down(Turn turn, const Life& life) { impl_->member_down(turn, life); }
void Copies::life_ended(Turn turn, const Life& life, bool clean) { impl_->life_ended(turn, life, clean); }
void Copies::on(Turn turn, const Life& from, const wire::Copied& copied) { impl_->on(turn, from, copied); }

void Copies::pump(Turn turn, const Room& room, const Machine::Read& read, const ReadLetters& letters) {
  impl_->pump(turn, room, read, letters);
}
bool Copies::wants_pump() const { return impl_->wants_pump(); }
void Copies::tick(Turn turn) { impl_->tick(turn); }
std::optional<MonoTime> Copies::next_deadline() const { return impl_->next_deadline(); }

Position Copies::safe() const { return impl_->safe(); }
std::uint32_t Copies::copies(Position end) const { return impl_->copies(end); }
std::uint32_t Copies::wanted() const { return impl_->wanted(); }
std::uint32_t Copies::whole() const { return impl_->whole(); }
std::vector<Copies::View> Copies::guardians() const { return impl_->guardians(); }
void Copies::lives(std::vector<Life>& out) const { impl_->lives(out); }
std::uint64_t Copies::set_version() const { return impl_->version_; }
const CopiesCounters& Copies::counters() const { return impl_->counters_; }

}  // namespace evmesh::work
