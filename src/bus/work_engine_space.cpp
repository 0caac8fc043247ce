// The space that the journal has and takes: files made ahead, and what is no longer owed given up.
#include <algorithm>

#include "bus/work_engine.hpp"

namespace evmesh::bus {

using work::Position;

namespace {

/// The oldest is said again by pieces, to get rid of what stands around it: nobody waits longer for the lock.
constexpr std::uint64_t carry_bytes = 128 * limits::kib;
/// How many times what is owed the journal may take before that, and on a full disk. To say it all again after
/// so much costs an eighth more writing.
constexpr std::uint64_t slack = 8;
constexpr std::uint64_t slack_when_full = 2;

/// The journal is read again in slices, one after the other until all is verified, and then after a rest.
constexpr std::uint64_t scrub_bytes = 64 * limits::kib;
constexpr std::chrono::seconds scrub_rest{60};

}  // namespace

/// Under append_mutex_, or before there are threads. Acceptance stops below the reserve and starts again at
/// twice that; on a disk that will never have so much, when all that can be given back was.
void WorkEngine::note_room() {
  room_ = journal_->room();
  const bool below = room_ < settings_.reserve_bytes;
  const bool holds_much = journal_->end() - journal_->begin() > journal_->largest_commit();
  full_ = journal_->full() && (below || (full_ && holds_much));
}

/// Half of the reserve is used up before it could be filled again: whoever wants more waits for the disk, so
/// that what was accepted is never without room for its end.
void WorkEngine::ask_for_room() {
  const std::lock_guard appending(append_mutex_);
  for (std::uint64_t before = 0; !failed_ && !full_ && room_ < settings_.reserve_bytes / 2;) {
    before = room_;
    journal_->prepare();
    note_room();
    if (room_ <= before) break;
  }
}

/// What the journal needs now and then.
void WorkEngine::maintain() {
  const std::lock_guard syncing(sync_mutex_);
  if (failure()) return;
  // Others may append meanwhile.
  if (journal_->tail() != anchored_) {
    if (const auto done = journal_->anchor(); !done) return fail_with(done.error());
    anchored_ = journal_->tail();
  }
  const std::lock_guard appending(append_mutex_);
  // First, because what it gives back need not be made.
  make_space();
  journal_->prepare();
  note_room();
  scrub();
  if (!journal_->wants_stock()) return;
  const Lock lock(mutex_);
  stock_wanted_ = true;
  stock_work_.notify_one();
}

/// Under append_mutex_. On a journal that no later life would open nothing more is accepted.
void WorkEngine::scrub() {
  if (failed_ || services_.clock.now() < scrub_again_) return;
  if (const auto sound = journal_->scrub(scrub_bytes); !sound) {
    damages_.add();
    return fail_with(sound.error());
  }
  scrubbed_bytes_.add(scrub_bytes);
  scrubbed_ += scrub_bytes;
  if (scrubbed_ < journal_->end() - journal_->begin()) return;
  scrubbed_ = 0;
  scrub_again_ = services_.clock.now() + scrub_rest;
}

/// Makes files for the journal ahead: nobody waits for this thread.
void WorkEngine::keep_stock() {
  for (;;) {
    {
      Lock lock(mutex_);
      stock_work_.wait(lock, [this] { return stopping_ || failure_ || stock_wanted_; });
      if (stopping_ || failure_) return;
      stock_wanted_ = false;
    }
    journal_->stock();
  }
}

/// Under append_mutex_ and mutex_: little is owed, and the oldest of it holds up the rest. At twice the reserve there is
/// time to say it again, on a full disk none to lose.
bool WorkEngine::holds_too_much() const {
  const Position held = journal_->end() - journal_->begin();
  const std::uint64_t much = full_ ? journal_->largest_commit() : 2 * settings_.reserve_bytes;
  return held > much && journal_->end() - core_.oldest() > held / 2 &&
         core_.record_bytes() < held / (full_ ? slack_when_full : slack);
}

/// Under append_mutex_. Says one piece of the oldest quarter again; false when that was not to be, or there is no room.
bool WorkEngine::carry() {
  {
    const Lock lock(mutex_);
    if (stalled_ || failure_ || !holds_too_much()) return false;
    const auto read = [this](Position position) { return read_parcel(position).value_or(nullptr); };
    const Position held = journal_->end() - journal_->begin();
    core_.carry(journal_->begin() + held / 4, carry_bytes, read, pending_);
  }
  append_pending();
  return true;
}

/// Gives up what is no longer owed, and says the oldest again when it holds up too much: half as fast as others
/// append, so that the journal does not outgrow it.
void WorkEngine::make_space() {
  const Position grown = journal_->end() - std::exchange(spaced_, journal_->end());
  for (Position carried = 0; carried <= grown / 2 && carry(); carried += carry_bytes) {
  }
  Position oldest = 0;
  {
    const Lock lock(mutex_);
    oldest = std::min(core_.oldest(), journal_->end());
  }
  if (oldest > journal_->begin()) {
    if (const auto done = journal_->drop(oldest); !done) fail_with(done.error());
  }
}

}  // namespace evmesh::bus
