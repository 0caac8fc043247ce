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
#include "work/core.hpp"

namespace evmesh::sim_group {

using storage::Position;

/// How a process ends.
enum class End : std::uint8_t { killed, power, failed, stopped, put_back };

/// A node in one life: the core over a journal, driven as the node's engine drives it, and listeners that
/// tell the ledger.
class Process final : public Station, private work::Room {
 public:
  /// `on_end` is asked to end this process, later.
  Process(Stage& stage, Host& host, std::function<void(End)> on_end);
  ~Process() override;

  /// Reads the journal and takes over. The error of a journal that cannot be opened.
  [[nodiscard]] std::optional<Error> open();
  /// Goes to work. Before it, nothing of this life is written.
  void start();

  [[nodiscard]] Life life() const override { return life_; }
  [[nodiscard]] bool present() const override { return started_ && !over_ && !left_; }
  [[nodiscard]] bool frozen() const override { return frozen_; }
  void member_up(HostIndex host, const Life& life) override;
  void member_down(const Life& life) override;
  void life_ended(const Life& life, bool clean) override;
  void gone(const NodeId& node) override;
  void arrive(const Message& message);

  // What applications and operators do.

  void dispatch(std::uint64_t number, const std::vector<std::pair<work::GroupIndex, Habit>>& groups);
  void redeliver(const StoredLetter& stored);
  void pause(work::GroupIndex group, bool paused);
  /// It runs what its host is said to run.
  void change_runs();
  void freeze();
  void thaw();
  /// Ends in order once nothing runs.
  void stop();

  // What the world looks at.

  [[nodiscard]] work::Core& core() { return core_; }
  /// Behind all records so far.
  [[nodiscard]] Position noted() const { return commit_.empty() ? written_ : commit_.end(); }
  [[nodiscard]] std::uint64_t journal_bytes() const { return journal_->end() - journal_->begin(); }
  [[nodiscard]] bool idle() const { return running_.empty() && ended_.empty(); }
  [[nodiscard]] bool stopping() const { return stopping_; }
  /// All that it owes.
  [[nodiscard]] std::vector<work::Machine::Owed> owed() const;
  void look_at_end(End end);
  /// It has been there for so long.
  [[nodiscard]] nanoseconds age() const { return stage_.timeline.now() - began_at_; }

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
  struct Receipt {
    Ledger::Key key;
    MonoTime since;
    unsigned burials = 0;
    bool given = false;  // it may get better than it was
  };

  [[nodiscard]] std::uint64_t room_bytes(const Life& to, wire::Class frame_class) const override;

  [[nodiscard]] work::Turn now();
  [[nodiscard]] Timestamp wall() const;
  void later(nanoseconds wait, std::function<void()> what);
  void wake();
  void turn();
  void turn_once();
  void say_goodbye();
  [[nodiscard]] bool nothing_out();
  [[nodiscard]] bool flush();
  void send();
  [[nodiscard]] static std::string later_kind(std::string bytes);
  void land();
  void begin_sync();
  void sync();
  void look_at_receipts();
  [[nodiscard]] std::uint32_t disks_gone() const;
  void perform();
  void perform(const work::StoreLetter& it);
  void perform(const work::RemoveLetter& it);
  void perform(const work::Ready& it) { ready_.insert(it.group); }
  void perform(const work::LoadEvent& it);
  void take();
  void run(const work::Job& job);
  void finish(work::Handle handle);
  [[nodiscard]] work::Ran outcome(Entry& entry);
  void hand_over(const Ended& ended);
  void plan_tick();
  void maintain();
  void fail(const Error& error);
  void look_back();
  [[nodiscard]] bool near_full() const;
  [[nodiscard]] std::shared_ptr<const work::Parcel> read(Position position);
  [[nodiscard]] work::LetterPage letters_to_copy();
  [[nodiscard]] std::string payload(std::uint64_t number) const;
  void line(const std::string& what) const { stage_.line(host_.index, what); }

  Stage& stage_;
  Host& host_;
  std::function<void(End)> on_end_;
  const Life life_;
  std::unique_ptr<storage::Journal> journal_;
  mutable work::Core core_;
  storage::Commit commit_;
  work::Actions actions_;
  work::Frames frames_;
  std::vector<work::GroupIndex> groups_;
  std::vector<unsigned> running_in_;
  std::set<work::GroupIndex> ready_;
  std::map<work::Handle, Running> running_;
  std::deque<Ended> ended_;                                // their records do not fit yet
  std::deque<Message> inbox_;                              // what came while it stood still
  std::deque<std::function<void()>> missed_;               // what was due then
  std::multimap<Position, Receipt> receipts_;              // by where they are synced
  std::deque<std::pair<Position, work::Handle>> landing_;  // out of the flight table when written
  Position written_ = 0;
  Position synced_ = 0;
  Position anchored_ = 0;
  std::optional<MonoTime> tick_at_;
  MonoTime began_at_{};
  MonoTime frozen_at_{};
  MonoTime later_kind_at_{};  // such a frame is sent
  MonoTime stopping_since_{};
  bool syncing_ = false;
  bool stalled_ = false;
  bool stopping_ = false;
  bool left_ = false;
  bool over_ = false;
  bool turning_ = false;
  bool started_ = false;
  bool frozen_ = false;
  bool refused_full_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // shared with what is planned
};

}  // namespace evmesh::sim_group
