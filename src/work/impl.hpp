#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "storage/records.hpp"
#include "work/book.hpp"
#include "work/finished.hpp"
#include "work/machine.hpp"

namespace evmesh::work {

/// The machine, its source split by subject.
class Machine::Impl {
 public:
  explicit Impl(MachineOptions options);

  // acceptance.cpp
  Result<void> fits(std::span<const GroupIndex> groups, std::uint64_t events, std::uint64_t bytes);
  Result<Accepted> accept(const Acceptance& acceptance, storage::Commit& log);
  Result<std::optional<Accepted>> redeliver(const Letter& letter, const Acceptance& acceptance,
                                            storage::Commit& log);
  [[nodiscard]] Position oldest() const;
  bool carry(Position keep, std::uint64_t bytes, const Read& read, storage::Commit& log);

  // execution.cpp
  void written(Position end, Actions& actions);
  void take(GroupIndex group, std::size_t max, std::vector<Job>& out, bool suspects);
  [[nodiscard]] std::optional<NextSuspect> next_suspect(GroupIndex group);
  void give_back(Handle handle, storage::Commit& log, Actions& actions);
  [[nodiscard]] Flight flight(Handle handle) const;
  void finished(MonoTime now, Timestamp wall, Handle handle, const Ran& ran, storage::Commit& log,
                Actions& actions);
  void tick(MonoTime now, storage::Commit& log, Actions& actions);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;
  void pause(GroupIndex group, bool paused, Actions& actions);
  std::uint64_t cancel(GroupIndex group, storage::Commit& log);
  std::uint64_t settle_letters(GroupIndex group, storage::Commit& log);
  std::uint64_t give_up(MonoTime now, Timestamp wall, GroupIndex group, std::string_view why,
                        storage::Commit& log);

  // letters.cpp
  void synced(Position end, Actions& actions);
  [[nodiscard]] bool letters_wait() const { return !later_.empty(); }
  void letter_stored(MonoTime now, Handle handle, bool kept, storage::Commit& log);
  void letter_removed(MonoTime now, Handle handle, bool gone, storage::Commit& log, Actions& actions);
  void forget_letter(const WorkName& name, storage::Commit& log);

  // recovery.cpp
  Result<void> replay(Position position, std::string_view record);
  void recovered(MonoTime now, Timestamp wall, const std::optional<std::vector<Flight>>& flights,
                 storage::Commit& log);
  void goodbye(storage::Commit& log);
  void raise_epoch(std::uint64_t epoch, storage::Commit& log);

  // custody.cpp
  [[nodiscard]] Custody custody(Slot slot) const;
  [[nodiscard]] std::optional<Slot> find(const WorkName& name, bool any_generation) const;
  [[nodiscard]] WorkName work_name(Slot slot) const;
  [[nodiscard]] bool ended(const WorkName& name) const;
  [[nodiscard]] bool done(const WorkName& name) const;
  void lost(MonoTime now, Timestamp wall, Handle handle, const NodeId& node, std::string_view node_name,
            storage::Commit& log, Actions& actions);
  std::vector<Handle> adopt(const storage::Owed& owed, std::uint32_t counter, storage::Doubt doubt,
                            storage::Commit& log);
  void release(MonoTime now, Handle handle, Actions& actions);
  std::optional<Job> lease(Handle handle, storage::Commit& log);
  void hold_back_all();
  void doubt_elsewhere();
  void doubt(Handle handle);
  [[nodiscard]] bool may_have_run(Handle handle, Timestamp wall) const;
  void suspect(Handle handle, storage::Commit& log);
  [[nodiscard]] std::vector<Handle> held_back() const;
  void let_go(const Life& owner, const wire::WorkRanges& work, const Custody& by, storage::Commit& log,
              std::vector<wire::StateEntry>& states);
  bool let_go(const WorkName& name, const Custody& by, storage::Commit& log);
  bool settle(MonoTime now, Timestamp wall, const wire::StateEntry& state, const NodeId& from,
              storage::Commit& log, Actions& actions);

  // snapshot.cpp
  bool snapshot(Snapshot snapshot, std::uint64_t bytes, const Read& read, std::vector<std::string>& records);
  bool visit(Snapshot snapshot, std::uint64_t bytes, const Read& read, Which which, const VisitOwed& visit);

  // copied_letters.cpp
  bool keep_ended();

  // What machine.cpp shows of it.
  MachineOptions options_;
  Book book_;
  Counters counters_;
  FinishedRing finished_{limits::finished_kept_max};
  std::uint64_t watched_ended_ = 0;
  std::uint64_t letters_left_out_ = 0;  // of a copy
  std::vector<Handle> withdrawn_;       // no more than run, when they are taken after each input
  bool said_goodbye_ = true;  // nothing has run since, as far as the journal shows

 private:
  struct Timer {
    MonoTime due;
    Handle handle = 0;
    bool removal = false;  // of a letter, whatever the obligation does meanwhile
    bool operator>(const Timer& other) const { return due > other.due; }
  };
  struct Later {
    Position behind = 0;
    Handle handle = 0;
  };
  struct Moved {
    Position to = 0;
    Position from = 0;
  };
  struct Failure {
    Timestamp wall{};
    NodeId node;
    std::string_view error;
    std::chrono::milliseconds not_before{0};
    bool last = false;
  };

  // acceptance.cpp
  Result<void> check(const Acceptance& acceptance) const;
  [[nodiscard]] bool full(const GroupState& group, std::uint64_t bytes, std::uint64_t times,
                          std::uint64_t events = 1) const;
  void bury_over_quota(Slot slot, Timestamp time);
  void say_owed(HeldSlot held, std::string_view event, storage::Commit& log);
  void fill_owed(HeldSlot held, std::string_view event);
  template <class Each>
  void rest(HeldSlot held, const Each& each);
  [[nodiscard]] storage::OwedGroup describe(Slot slot) const;
  void carry_one(HeldSlot held, std::string_view event, storage::Commit& log);

  // execution.cpp
  [[nodiscard]] storage::Place place(Slot slot) const;
  template <class Record>
  Position say(const Record& record, storage::Commit& log);
  void wrap();
  [[nodiscard]] std::optional<Slot> front(std::deque<Handle>& queue) const;
  [[nodiscard]] std::optional<Slot> next_of(GroupState& group, bool suspects = true);
  void queue(Slot slot);
  [[nodiscard]] bool runnable(Slot slot) const;
  void tell(GroupIndex group, Actions& actions);
  void tell_all(Actions& actions);
  void tell_suspects(Actions& actions);
  void clear_suspect(Actions& actions);
  void give(Slot slot, std::vector<Job>& out);
  [[nodiscard]] NodeId last_node(Slot slot) const;
  void fail(MonoTime now, Slot slot, const Failure& failure, storage::Commit& log);
  void fail_unsure(MonoTime now, Slot slot, storage::Commit& log);
  void wait_for_runner(MonoTime now, Slot slot);
  void end(Slot slot, storage::Fate fate, storage::Commit& log);
  void remove(Slot slot, storage::Fate fate);
  void wake(MonoTime now, Slot slot, storage::Commit& log, Actions& actions);
  void plan(MonoTime due, Slot slot, bool removal);
  [[nodiscard]] std::chrono::milliseconds backoff(std::uint8_t& tries, std::chrono::milliseconds first,
                                                  std::chrono::milliseconds cap);

  // letters.cpp
  [[nodiscard]] bool has_letter(Slot slot) const;
  void after_sync(Slot slot, Position behind) { later_.push_back({behind, book_.handle(slot)}); }
  void bury(Slot slot, Actions& actions);
  void ask_removal(Slot slot, Actions& actions);
  [[nodiscard]] DeadLetterId letter_id(Slot slot) const;

  // custody.cpp
  void hold_back(Slot slot);
  void end_elsewhere(Slot slot, storage::Fate fate, storage::Commit& log);
  bool gives_way(Slot ours, const storage::OwedGroup& theirs, std::uint32_t counter, storage::Commit& log);
  void leave_suspect(Slot slot, storage::Commit& log);
  void go_on(MonoTime now, Slot slot, Actions& actions);
  void tell_let_go(Slot slot, std::vector<wire::StateEntry>& states) const;
  void tell_finished(const Life& owner, const wire::WorkRanges& work, std::vector<wire::StateEntry>& states) const;

  // snapshot.cpp
  template <class Each>
  bool walk(Snapshot snapshot, std::uint64_t bytes, const Read& read, const Each& each);

  // copied_letters.cpp
  [[nodiscard]] bool outdated(const storage::Owed& owed, const storage::OwedGroup& said) const;
  void keep_letter(Slot slot);
  void uncount_letter(Slot slot);
  void leave_copy(Slot slot);
  [[nodiscard]] bool is_letter(Handle handle) const;
  [[nodiscard]] bool letters_over_bound() const;

  // recovery.cpp
  void apply(Position position, const storage::Owed& owed);
  void apply(Position position, const storage::Started& started);
  void apply(Position position, const storage::Failed& failed);
  void apply(Position position, const storage::Verdict& verdict);
  void apply(Position position, const storage::Settled& settled);
  void apply(Position position, const storage::Suspect& suspect);
  void apply(Position position, const storage::Cancelled& cancelled);
  void apply(Position position, const storage::Life& life);
  void apply(Position position, const storage::Goodbye& goodbye);
  template <class Other>
  void apply(Position /*position*/, const Other& /*concerns copies*/) {}
  void restore(HeldSlot held, const storage::OwedGroup& owed, GroupIndex group);
  [[nodiscard]] std::optional<Slot> find(const storage::Place& place) const;
  void doubt_all();
  void end_flights(MonoTime now, Timestamp wall, const std::vector<Flight>& flights, storage::Commit& log);
  void resume(MonoTime now, Slot slot, Position behind, storage::Commit& log);
  [[nodiscard]] std::vector<Slot> all() const;

  base::SeededRandom random_;
  std::uint64_t seq_ = 0;
  Position written_ = 0;
  Position synced_ = 0;
  std::vector<GroupIndex> touched_;
  std::deque<Later> later_;  // letters to store or remove when what stands before is synced
  std::deque<Handle> letters_;      // of a copy, oldest first; some may have left
  std::uint64_t letter_count_ = 0;  // of those that are there
  std::uint64_t letter_bytes_ = 0;  // what they take
  std::deque<Moved> moved_;  // carried, but the copy is not synced yet
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::optional<Handle> suspect_running_;
  std::optional<Position> suspect_ends_;    // it has run, and the record of that ends here
  std::optional<Position> goodbye_stands_;  // until this is synced, a power cut brings it back
  Timestamp recovered_at_{};
  std::string text_;          // of the record that is being written; kept for its memory
  storage::Owed owed_;        // the same
};

template <class Record>
Position Machine::Impl::say(const Record& record, storage::Commit& log) {
  if (!log.keeps()) return log.skip();
  storage::encode_record(record, options_.self, text_);
  if (options_.replica) wrap();
  return log.add(text_);
}

/// What an Owed does not hold: an announced attempt, an end that waits for its letter.
template <class Each>
void Machine::Impl::rest(HeldSlot held, const Each& each) {
  for (Slot slot = book_.held(held).first; slot != none; slot = book_[slot].next_of_held) {
    const Obligation& it = book_[slot];
    if (it.announced) each(storage::Started{place(slot), it.attempts + 1});
    if (it.state == State::settled) each(storage::Settled{place(slot), it.fate});
  }
}

}  // namespace evmesh::work
