#include <algorithm>
#include <system_error>
#include <utility>

#include "bus/work_engine.hpp"

namespace evmesh::bus {

using work::Actions;
using work::Position;

namespace {

constexpr std::chrono::milliseconds anchor_interval{100};

/// How long what nobody waits for may stand in the journal without being synced, so that it needs no sync of
/// its own.
constexpr std::chrono::milliseconds company_interval{5};

}  // namespace

Result<std::unique_ptr<WorkEngine>> WorkEngine::open(Services services, Settings settings) {
  std::unique_ptr<WorkEngine> engine(new WorkEngine(std::move(services), std::move(settings)));
  if (auto recovered = engine->recover(); !recovered) return tl::unexpected(recovered.error());
  return engine;
}

Result<void> WorkEngine::recover() {
  auto letters = LetterBox::open(settings_.directory, services_.counters, settings_.dead_letters_bytes_max);
  if (!letters) return tl::unexpected(letters.error());
  letters_ = std::move(*letters);
  if (copies_letters())
    letters_->on_left([this](std::span<const LetterBox::Left> left) { letters_left(left); });
  if (auto loaded = load_groups(); !loaded) return loaded;
  auto flights = storage::FlightTable::open(settings_.directory);
  if (!flights) return tl::unexpected(flights.error());
  flights_ = std::move(*flights);
  if (durable()) {
    if (auto opened = open_journal(); !opened) return opened;
  }
  {
    Lock lock(mutex_);
    Actions actions;
    core_.recovered(turn(actions), flights_of_last_life());
    after_change(lock, actions);
  }
  if (durable()) {
    if (auto written = wait_written(pending_.end()); !written) return written;
    if (auto forgotten = flights_->forget(); !forgotten) return forgotten;
  }
  return start_threads();
}

Result<void> WorkEngine::start_threads() {
  try {
    letter_thread_ = std::thread([this] { keep_letters(); });
    if (journal_) sync_thread_ = std::thread([this] { keep_syncing(); });
    if (journal_) stock_thread_ = std::thread([this] { keep_stock(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::busy, std::string("no thread left for group work: ") + error.what() +
                                     "; raise the limit (ulimit -u)");
  }
  return {};
}

Result<void> WorkEngine::open_journal() {
  disk_ = settings_.disk;
  if (!disk_) {
    auto disk = storage::open_disk(settings_.directory);
    if (!disk) return tl::unexpected(disk.error());
    disk_ = std::move(*disk);
  }
  // Two segments of half the reserve; each holds what may gather, what a tick and a carry add, and the
  // largest event behind it.
  const std::uint64_t smallest = 4 * pending_bytes_max + settings_.event_size_bytes_max;
  const std::uint64_t segment =
      std::clamp(settings_.reserve_bytes / 2, smallest, std::max(smallest, 32 * limits::mib));
  auto journal = storage::open_journal(
      *disk_, {.owner = settings_.self, .segment_bytes = segment, .reserve_bytes = settings_.reserve_bytes});
  if (!journal) return tl::unexpected(journal.error());
  journal_ = std::move(*journal);
  pending_.restart(journal_->end());
  written_ = synced_ = spaced_ = journal_->end();
  note_room();
  return journal_->replay(
      [this](Position position, std::string_view record) { return core_.replay(position, record); });
}

std::optional<std::vector<work::Flight>> WorkEngine::flights_of_last_life() const {
  const auto& last = flights_->found();
  if (!last) return std::nullopt;
  std::vector<work::Flight> flights;
  for (const storage::FlightTable::Flight& found : *last) {
    flights.push_back(
        {{found.owner, found.epoch, found.seq}, found.group, found.generation, found.attempt, found.suspect});
  }
  return flights;
}

/// Under mutex_, which is let go of meanwhile: a commit that grew large is appended before more is added to
/// it.
void WorkEngine::make_room_in_commit(Lock& lock) {
  while (journal_ && pending_.bytes().size() >= pending_bytes_max && !failure_ && !stalled_) {
    lock.unlock();
    {
      const std::lock_guard appending(append_mutex_);
      append_pending();
    }
    lock.lock();
  }
}

/// Appends what waits, unless somebody is at it, who then appends this too.
void WorkEngine::flush() {
  for (;;) {
    {
      const Lock lock(mutex_);
      if (pending_.empty() || failure_ || stalled_) return;
    }
    const std::unique_lock appending(append_mutex_, std::try_to_lock);
    if (!appending) return;
    append_pending();
  }
}

/// Appends what waits, and wakes who runs it; false when what stands before `end` is not written then.
bool WorkEngine::append_unless_busy(Position end) {
  {
    const std::unique_lock appending(append_mutex_, std::try_to_lock);
    if (!appending) return false;
    append_pending();
    if (!is_written(end)) return false;
  }
  // Who was woken often stands behind this thread on the same processor; the sync that comes next would keep it there.
  std::this_thread::yield();
  return true;
}

/// Under append_mutex_: takes out what is pending. When the prepared room is used up the disk is asked for
/// more; without any, all of it waits until there is some: nothing new starts meanwhile, and what ended stays
/// owed on the disk.
bool WorkEngine::take_pending() {
  for (;;) {
    Lock lock(mutex_);
    if (pending_.empty() || failure_) return false;
    const std::uint64_t room = journal_->room();
    if (pending_.bytes().size() <= room) {
      stalled_ = false;
      std::swap(writing_, pending_);
      pending_.restart(writing_.end());
      return true;
    }
    lock.unlock();
    journal_->prepare();
    if (journal_->room() > room) continue;
    stalled_ = true;
    return false;
  }
}

/// Under append_mutex_.
void WorkEngine::append_pending() {
  if (!take_pending()) return;
  const auto appended = journal_->append(writing_);
  if (!appended) return fail_with(appended.error());
  appended_bytes_.add(writing_.bytes().size());
  note_room();
  Lock lock(mutex_);
  written_ = writing_.end();
  Actions actions;
  core_.appended(writing_);
  core_.written(turn(actions), written_);
  land();
  written_changed_.notify_all();
  plan_tick();  // none came while there was no room
  perform(lock, actions);
}

Result<void> WorkEngine::wait_written(Position end) {
  const auto decided = [&] { return written_ >= end || failure_ || (stalled_ && stopping_); };
  for (;;) {
    {
      // Whoever appends meanwhile appends this too.
      const std::lock_guard appending(append_mutex_);
      if (!is_written(end)) append_pending();
    }
    Lock lock(mutex_);
    if (stalled_) written_changed_.wait(lock, decided);
    if (failure_) return tl::unexpected(*failure_);
    if (written_ >= end) return {};
    if (stopping_ && stalled_) {
      return fail(ErrorCode::closed, "the node was stopped while its disk was full");
    }
  }
}

bool WorkEngine::is_written(Position end) const {
  const Lock lock(mutex_);
  return written_ >= end;
}

/// Appends and syncs what there is; who comes meanwhile waits, and finds it done more often than not.
void WorkEngine::sync() {
  const std::lock_guard syncing(sync_mutex_);
  {
    const std::lock_guard appending(append_mutex_);
    append_pending();
  }
  Position end = 0;
  {
    const Lock lock(mutex_);
    if (failure_ || synced_ == written_) return;
    end = written_;
  }
  if (const auto done = journal_->sync(); !done) return fail_with(done.error());
  syncs_.add();
  Lock lock(mutex_);
  synced_ = end;
  Actions actions;
  core_.synced(turn(actions), synced_);
  const auto waiters = due_waiters();
  perform(lock, actions);
  for (const auto& [told, safety] : waiters) told(safety);
}

/// Under mutex_.
bool WorkEngine::is_safe(Position end) const {
  return synced_ >= end && (settings_.level != Level::replicated || core_.safe() >= end);
}

/// Under mutex_: those whose position is safe, taken out; the others that wait are woken.
std::vector<std::pair<WorkEngine::Told, work::Safety>> WorkEngine::due_waiters() {
  std::vector<std::pair<Told, work::Safety>> due;
  for (auto waiter = safe_waiters_.begin(); waiter != safe_waiters_.end() && is_safe(waiter->first);) {
    due.emplace_back(std::move(waiter->second), core_.safety(waiter->first));
    waiter = safe_waiters_.erase(waiter);
  }
  safe_changed_.notify_all();
  return due;
}

Result<work::Safety> WorkEngine::wait_safe(Position end, std::chrono::milliseconds timeout) {
  {
    const Lock lock(mutex_);
    if (is_safe(end)) return core_.safety(end);
  }
  // The first to wait syncs for all: no thread has to be woken when one waits alone.
  if (sync_mutex_.try_lock()) {
    sync_mutex_.unlock();
    sync();
  }
  Lock lock(mutex_);
  const auto decided = [&] { return is_safe(end) || failure_.has_value(); };
  if (!decided()) {
    ++blocked_;
    sync_work_.notify_one();
    safe_changed_.wait_for(lock, timeout, decided);
    --blocked_;
  }
  if (is_safe(end)) return core_.safety(end);
  if (failure_) {
    return fail(ErrorCode::unknown_outcome,
                "the journal failed before it was on the disk: it may have run, and may be lost; " +
                    failure_->message);
  }
  return fail(ErrorCode::unknown_outcome, "it was not " + std::string(synced_ < end ? "on the disk" : "copied") +
                                              " after " + std::to_string(timeout.count()) +
                                              " ms; it may have run, and is owed");
}

void WorkEngine::when_safe(Position end, Told done) {
  Lock lock(mutex_);
  if (!is_safe(end) && !failure_) {
    safe_waiters_.emplace(end, std::move(done));
    sync_work_.notify_one();
    return;
  }
  const auto failure = failure_;
  const bool safe = is_safe(end);
  const work::Safety safety = core_.safety(end);
  lock.unlock();
  if (safe) return done(safety);
  done(tl::unexpected(Error{ErrorCode::unknown_outcome, failure->message}));
}

/// Under mutex_: whether somebody waits for it.
bool WorkEngine::sync_is_urgent() const {
  return stopping_ || failure_ || blocked_ > 0 || !safe_waiters_.empty() || synced_ < others_wait_for_;
}

/// Until there is something to sync that is in a hurry, or has waited long enough for company: how executions
/// ended, which the next acceptance takes along. False at the end.
bool WorkEngine::wait_for_sync_work() {
  Lock lock(mutex_);
  // A full disk is asked again after a while, not all the time.
  const auto idle = [this] { return (stalled_ || pending_.empty()) && synced_ == written_; };
  syncer_waits_ = true;
  sync_work_.wait_for(lock, anchor_interval, [&] { return stopping_ || failure_ || !idle(); });
  syncer_waits_ = false;
  sync_work_.wait_for(lock, company_interval, [&] { return idle() || sync_is_urgent(); });
  return !failure_ && !(stopping_ && idle());
}

void WorkEngine::keep_syncing() {
  auto anchored = services_.clock.now();
  while (wait_for_sync_work()) {
    sync();
    if (services_.clock.now() - anchored < anchor_interval) continue;
    anchored = services_.clock.now();
    maintain();
  }
}

void WorkEngine::fail_with(const Error& error) {
  std::multimap<Position, Told> waiters;
  {
    const Lock lock(mutex_);
    if (failure_) return;
    failure_ = Error{ErrorCode::node_failed, error.message};
    failed_ = true;
    waiters.swap(safe_waiters_);
    written_changed_.notify_all();
    safe_changed_.notify_all();
    watched_changed_.notify_all();
    sync_work_.notify_all();
    letter_work_.notify_all();
    stock_work_.notify_all();
  }
  for (const auto& [end, waiter] : waiters)
    waiter(tl::unexpected(Error{ErrorCode::unknown_outcome, error.message}));
  if (!services_.on_failed || !outside_.enter()) return;
  services_.on_failed(error);
  outside_.leave();
}

/// Under mutex_.
bool WorkEngine::nothing_runs() const {
  for (work::GroupIndex group = 0; group < machine_.group_count(); ++group) {
    if (machine_.counts(group).running > 0) return false;
  }
  return true;
}

/// Under mutex_. Of what still runs the next life learns from the flight table, which a goodbye would overrule.
void WorkEngine::say_goodbye() {
  const Position here = pending_.empty() ? written_ : pending_.end();
  if (!nothing_runs() || !machine_.held_back().empty() || goodbye_end_ == here) return;
  machine_.goodbye(pending_);
  goodbye_end_ = pending_.end();
}

void WorkEngine::part(std::chrono::milliseconds patience) {
  wait_letters(services_.clock.now() + patience);
  Position end = 0;
  {
    Lock lock(mutex_);
    if (failure_ || stopping_) return;
    parting_ = true;
    // What others run for this node may end yet.
    ended_elsewhere_.wait_for(lock, patience, [this] { return failure_ || nothing_runs(); });
    // Those who take over learn from it that nothing was running.
    if (journal_) say_goodbye();
    end = pending_.empty() ? written_ : pending_.end();
  }
  if (journal_) flush();
  static_cast<void>(wait_safe(end, patience));
}

void WorkEngine::stop() {
  {
    const Lock lock(mutex_);
    if (stopping_.exchange(true)) return;
    sync_work_.notify_all();
    letter_work_.notify_all();
    stock_work_.notify_all();
    written_changed_.notify_all();
    watched_changed_.notify_all();
    groups_changed_.notify_all();
  }
  if (letter_thread_.joinable()) letter_thread_.join();
  if (stock_thread_.joinable()) stock_thread_.join();
  if (journal_ && !failure()) {
    {
      const Lock lock(mutex_);
      say_goodbye();
    }
    sync();
  }
  if (sync_thread_.joinable()) sync_thread_.join();
  if (journal_ && !failure()) static_cast<void>(journal_->anchor());
  // What still runs may end later, when there is no mesh any more.
  outside_.close();
  outside_.wait();
}

}  // namespace evmesh::bus
