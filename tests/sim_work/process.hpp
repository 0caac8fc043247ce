#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host.hpp"
#include "storage/journal.hpp"

namespace evmesh::sim_work {

using storage::Position;

/// How a process ends.
enum class End : std::uint8_t { killed, power, failed, stopped };

/// A node in one life: the machine over a journal, driven as the node's engine drives it, and listeners that
/// tell the ledger.
class Process {
 public:
  /// `on_end` is asked to end this process, later.
  Process(Stage& stage, std::function<void(End)> on_end);
  ~Process();

  /// Reads the journal and takes over. The error of a journal that cannot be opened.
  [[nodiscard]] std::optional<Error> open(bool scrub);
  /// Goes to work. Before it, nothing of this life is written.
  void start();

  // What applications and operators do.

  void dispatch(std::uint64_t number, const std::vector<std::pair<work::GroupIndex, Habit>>& groups);
  void redeliver(const StoredLetter& stored);
  void pause(work::GroupIndex group, bool paused);
  void cancel(work::GroupIndex group);
  void give_up(work::GroupIndex group);
  /// Ends in order once nothing runs.
  void stop();

  // What the world looks at.

  [[nodiscard]] const work::Machine& machine() const { return machine_; }
  [[nodiscard]] bool anchored() const { return anchored_ == journal_->end(); }
  void look_at_end(End end);

 private:
  struct Running {
    work::Job job;
    std::uint32_t generation = 0;
    std::uint64_t event = 0;
  };
  struct Ended {
    work::Handle handle = 0;
    work::Ran ran;
  };

  void later(nanoseconds wait, std::function<void()> what);
  void turn();
  void turn_once();
  [[nodiscard]] bool flush();
  void land();
  void begin_sync();
  void sync();
  void told_synced();
  void perform();
  void perform(const work::StoreLetter& it);
  void perform(const work::RemoveLetter& it);
  void perform(const work::Ready& it) { ready_.insert(it.group); }
  void perform(const work::LoadEvent&) {}  // for other nodes; here there is none
  void take();
  void run(const work::Job& job);
  void finish(work::Handle handle);
  [[nodiscard]] work::Ran outcome(Entry& entry);
  void hand_over(const Ended& ended);
  void plan_tick();
  void maintain();
  void fail(const Error& error);
  [[nodiscard]] bool near_full() const;
  [[nodiscard]] std::shared_ptr<const work::Parcel> read(Position position);
  [[nodiscard]] std::string payload(std::uint64_t number) const;

  Stage& stage_;
  std::function<void(End)> on_end_;
  std::unique_ptr<storage::Journal> journal_;
  work::Machine machine_;
  storage::Commit commit_;
  work::Actions actions_;
  std::vector<work::GroupIndex> groups_;
  std::vector<unsigned> running_in_;
  std::set<work::GroupIndex> ready_;
  std::map<work::Handle, Running> running_;
  std::deque<Ended> ended_;                                     // their records do not fit yet
  std::multimap<Position, std::vector<Ledger::Key>> receipts_;  // by where they are synced
  std::deque<std::pair<Position, Ledger::Key>> verdicts_;
  std::deque<std::pair<Position, work::Handle>> landing_;  // out of the flight table when written
  Position written_ = 0;
  Position synced_ = 0;
  Position anchored_ = 0;
  std::optional<MonoTime> tick_at_;
  bool syncing_ = false;
  bool stalled_ = false;
  bool stopping_ = false;
  bool over_ = false;
  bool turning_ = false;
  bool started_ = false;
  bool refused_full_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // shared with what is planned
};

}  // namespace evmesh::sim_work
