#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <evmesh/log.hpp>
#include <evmesh/node.hpp>
#include <evmesh/registration.hpp>
#include <evmesh/result.hpp>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "bus/decoders.hpp"
#include "bus/letter_box.hpp"
#include "bus/work_line.hpp"
#include "delivery/call_gate.hpp"
#include "delivery/timers.hpp"
#include "storage/flight_table.hpp"
#include "storage/journal.hpp"
#include "work/core.hpp"

namespace evmesh::bus {

/// Told when a group has work; it then pulls. Called on any thread, with no lock held; returns at once.
class Puller {
 public:
  Puller() = default;
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;
  virtual ~Puller() = default;
  virtual void work_waits() = 0;
};

/// Told what becomes of the required groups of a bus.
class GroupWatcher {
 public:
  GroupWatcher() = default;
  GroupWatcher(const GroupWatcher&) = delete;
  GroupWatcher& operator=(const GroupWatcher&) = delete;
  virtual ~GroupWatcher() = default;

  /// The entry is in force from now on; `here`: this node wrote it. One after the other, on any thread; changes no group
  /// itself.
  virtual void group_changed(const wire::GroupEntry& entry, bool here) = 0;
};

/// Drives the work machine of a node: puts its records into the journal, its dead letters into their store,
/// and wakes whoever runs its groups. Thread-safe.
///
/// Records gather in one commit. Whoever needs it written appends it, for all others too; whoever needs it
/// synced syncs it, or waits for the one that does: commits are grouped without a timer.
class WorkEngine final : public WorkLine {
 public:
  struct Services {
    const base::Clock& clock;
    delivery::Timers& timers;
    base::Counters& counters;
    LogSink log;
    std::function<void(const Error&)> on_failed;  ///< the journal failed: called once, on any thread
    /// There are frames to send: `pump` is to be called soon. Null outside a mesh. Called with no lock held,
    /// never inside a call of WorkLine, and not after `stop` has returned; nor is `on_failed`.
    std::function<void()> nudge{};
    const Decoders* decoders = nullptr;  ///< of what listeners get; null: none
  };
  struct Settings {
    NodeId self;
    std::uint64_t epoch = 0;
    std::uint64_t seed = 0;
    std::filesystem::path directory{};  ///< empty: level `memory`, everything ends with this object
    std::uint64_t reserve_bytes = 64ULL << 20;
    std::uint64_t dead_letters_bytes_max = limits::dead_letters_bytes_max;
    std::uint64_t event_size_bytes_max = 1ULL << 20;
    PayloadFormat payload = PayloadFormat::binary;  ///< how bodies are kept
    std::shared_ptr<storage::Disk> disk{};          ///< of the journal, shared with a test; null: `directory`
    Level level = Level::disk;                      ///< what `wait_safe` waits for
    std::uint32_t copies = 0;                       ///< as CoreOptions
    Degraded degraded = Degraded::allow;            ///< whether too few guardians refuse an acceptance
    bool seeded = false;                            ///< the node has seeds
  };

  /// Opens the journal and takes over what earlier lives owe. Errors: storage.
  [[nodiscard]] static Result<std::unique_ptr<WorkEngine>> open(Services services, Settings settings);

  /// As `stop`.
  ~WorkEngine() override;
  WorkEngine(const WorkEngine&) = delete;
  WorkEngine& operator=(const WorkEngine&) = delete;

  [[nodiscard]] bool durable() const { return !settings_.directory.empty(); }
  [[nodiscard]] LetterBox& letters() { return *letters_; }

  // Groups.

  work::GroupIndex declare(std::string_view bus, const Group& group, const work::Policy& policy);
  [[nodiscard]] std::optional<work::GroupIndex> find(std::string_view bus, const Group& group) const;

  /// `slots`: how many executions at once the puller makes.
  void attach(work::GroupIndex group, std::weak_ptr<Puller> puller, std::uint32_t slots);
  void detach(work::GroupIndex group);
  void pause(work::GroupIndex group, bool paused);
  std::uint64_t cancel(work::GroupIndex group);

  /// Sends what the group is owed, but what runs, to its dead letters.
  void give_up(work::GroupIndex group, std::string_view why);

  /// Whether something ended whose dead letter is not kept yet.
  [[nodiscard]] bool letter_on_its_way() const;

  /// What ended is synced; waits until all dead letters that were asked for are kept, or `deadline`.
  void wait_letters(base::MonoTime deadline);
  [[nodiscard]] work::GroupCounts counts(work::GroupIndex group) const;

  // Which groups are required (work_engine_groups.cpp).

  /// From now on `watcher` is told of the groups of `bus`, beginning with those that are required already.
  void watch_groups(const std::string& bus, const std::shared_ptr<GroupWatcher>& watcher);

  /// Makes or changes the entry of a group; when this returns it is on the disk, where there is one, in force
  /// here, and on its way to the members. Not inside `group_changed`. Errors: too_many_registrations, storage,
  /// node_failed.
  [[nodiscard]] Result<void> change_group(std::string_view bus, const Group& group,
                                          const std::function<void(wire::GroupEntry&)>& what);

  /// Waits until every member that is up has the latest entry of a group, or `timeout`. `since`: when it was
  /// registered.
  [[nodiscard]] RegistrationReceipt group_receipt(std::string_view bus, const Group& group,
                                                  base::MonoTime since, std::chrono::milliseconds timeout);

  // Acceptance.

  /// What can refuse work but for the groups' quotas: a full disk, a failed node. Asked before anything runs.
  /// Errors: disk_full, closed, node_failed; back_pressure (too few guardians, where that refuses).
  [[nodiscard]] Result<void> admit();

  /// What the groups' quotas would refuse of so many events; others may come before them all the same.
  /// Errors: back_pressure.
  [[nodiscard]] Result<void> fits(std::span<const work::GroupIndex> groups, std::uint64_t events,
                                  std::uint64_t bytes);

  /// `event` with its encoded form, when that is needed here; without the object when that is not, as only others run
  /// it. Errors: of the body.
  [[nodiscard]] Result<std::shared_ptr<const work::Parcel>> pack(const Event& event, std::span<const RegistrationKey> keys,
                                                                 bool runs_here = true) const;

  /// Takes it on. What the caller claimed may run when this has returned: it is written.
  /// `asks_for_sync`: the caller waits for the sync, or says whom to tell of it, as its next step; nobody else
  /// is woken for that. Errors: back_pressure, invalid_argument, closed, node_failed; unknown_outcome when the
  /// journal failed then.
  [[nodiscard]] Result<work::Accepted> accept(const work::Acceptance& acceptance, bool asks_for_sync = false);

  /// One of several events that are taken on together.
  struct Offer {
    EventId event_id;
    std::shared_ptr<const work::Parcel> parcel;  ///< taken
    Result<work::Accepted> accepted{};           ///< what came of it: as `accept` answers
  };
  /// Takes on each of them for the same groups of one bus, none of which the caller runs itself.
  void accept(std::string_view bus, std::vector<work::GroupIndex> groups, std::span<Offer> offers);

  [[nodiscard]] Result<std::optional<work::Accepted>> redeliver(const work::Machine::Letter& letter,
                                                                const work::Acceptance& acceptance);

  /// Waits until everything before `end` is as safe as the level says: synced here, and with the guardians.
  /// Errors: unknown_outcome when the deadline passed or the sync failed.
  [[nodiscard]] Result<work::Safety> wait_safe(work::Position end, std::chrono::milliseconds timeout);

  /// The same, told later, on a thread that must not be kept, or on this one when it is so already.
  using Told = std::function<void(Result<work::Safety>)>;
  void when_safe(work::Position end, Told done);

  // Execution.

  void take(work::GroupIndex group, std::size_t max, std::vector<work::Job>& out);

  /// These were taken and are not run after all; in their order.
  void give_back(std::span<const work::Job> jobs);

  /// The event of a job, for listeners what the decoders make of it: at hand, or read back and verified.
  [[nodiscard]] Result<Event> event(const work::Job& job) const;

  /// Notes that it runs now, for the next life to read; the flight to end with it.
  [[nodiscard]] std::optional<std::size_t> fly(const work::Job& job);

  /// How an execution ended, and its flight.
  struct Ended {
    work::Job job;
    work::Ran ran;
    std::optional<std::size_t> flight;
  };
  void finished(std::span<const Ended> ended);
  void finished(const Ended& ended) { finished({&ended, 1}); }
  [[nodiscard]] storage::FlightTable& flights() { return *flights_; }

  /// Nothing is run for others any more but what runs, and nothing is given to them.
  void leave();

  /// Before the node says goodbye to the mesh: nothing is taken any more, and what is owed here is as safe as it can be
  /// within `patience`.
  void part(std::chrono::milliseconds patience);

  /// Syncs what was accepted, says goodbye in the journal, unless something still runs, and ends the threads.
  /// What the disk has no room for stays undone. Idempotent.
  void stop();

  [[nodiscard]] std::optional<Error> failure() const;

  // What the engine of the mesh tells (work_engine_mesh.cpp).

  void member_up(const wire::Life& life, const std::string& name, bool transient) override;
  void member_down(const wire::Life& life) override;
  void life_ended(const wire::Life& life, bool clean) override;
  void gone(const NodeId& node) override;
  void raise_epoch(std::uint64_t epoch) override;
  void on_frame(const wire::Life& from, const wire::Frame& frame, const wire::Buffer& bytes) override;
  [[nodiscard]] bool pump(const work::Room& room, work::Frames& out) override;

  // What operators ask (work_engine_operators.cpp).

  struct GroupView {
    work::Machine::GroupName name;
    work::GroupCounts counts;
  };
  [[nodiscard]] std::vector<GroupView> groups() const;

  /// How copies of group work are faring, under the names of the metrics; those without `_total` go up and down.
  void describe_copies(std::map<std::string, std::uint64_t>& counters) const;

  /// All that the machine knows of some events.
  struct Lives {
    std::vector<work::Machine::Owed> owed;
    std::vector<work::Finished> finished;
    std::vector<work::Machine::GroupName> names;  ///< of groups, by their index
  };
  [[nodiscard]] Lives lives(std::span<const EventId> events) const;

  /// Waits until what is owed of `events` now is owed no more, `timeout` has passed or this stops.
  void wait_over(std::span<const EventId> events, std::chrono::milliseconds timeout);

  /// Until it is let go, no letter of what is owed again leaves the store.
  [[nodiscard]] std::unique_lock<std::mutex> hold_letters() { return std::unique_lock(leaving_mutex_); }

 private:
  /// What may gather before whoever adds to it must append it first.
  static constexpr std::uint64_t pending_bytes_max = 1 * limits::mib;
  /// Executions whose end may wait to be written: a process that is killed makes them again.
  static constexpr std::size_t landing_max = 64;

  using Lock = std::unique_lock<std::mutex>;

  WorkEngine(Services services, Settings settings);

  using Groups = std::vector<work::GroupIndex>;
  [[nodiscard]] Result<void> admit_copies();
  void after_change(Lock& lock, work::Actions& actions, Groups wake = {});
  void perform(Lock& lock, work::Actions& actions, Groups wake = {});
  [[nodiscard]] work::Turn turn(work::Actions& actions);
  [[nodiscard]] bool must_nudge();
  [[nodiscard]] bool flushes_itself() const;
  void append_elsewhere();
  void fail_later();
  void from_engine(const std::function<void(work::Turn)>& what);
  [[nodiscard]] bool is_safe(work::Position end) const;
  using Pullers = std::vector<std::shared_ptr<Puller>>;
  [[nodiscard]] Pullers pullers_of(std::span<const work::GroupIndex> groups) const;
  void take(Lock& lock, work::GroupIndex group, std::size_t max, std::vector<work::Job>& out);
  void land();
  void tick();
  void plan_tick();
  [[nodiscard]] Result<std::string> encoded(const Event& event, std::span<const RegistrationKey> keys) const;
  [[nodiscard]] static Result<std::shared_ptr<const work::Parcel>> opened(std::shared_ptr<const work::Parcel> parcel);
  [[nodiscard]] Result<std::shared_ptr<const work::Parcel>> event_of(const work::Job& job) const;
  [[nodiscard]] Result<std::shared_ptr<const work::Parcel>> read_parcel(work::Position position) const;

  // work_engine_journal.cpp
  [[nodiscard]] Result<void> recover();
  [[nodiscard]] Result<void> start_threads();
  [[nodiscard]] Result<void> open_journal();
  [[nodiscard]] std::optional<std::vector<work::Flight>> flights_of_last_life() const;
  void make_room_in_commit(Lock& lock);
  std::uint64_t piece_by_piece(const std::function<std::uint64_t()>& piece);
  void flush();
  [[nodiscard]] bool append_unless_busy(work::Position end);
  void append_pending();
  [[nodiscard]] bool take_pending();
  [[nodiscard]] Result<void> wait_written(work::Position end);
  [[nodiscard]] bool is_written(work::Position end) const;
  void sync();
  [[nodiscard]] std::vector<std::pair<Told, work::Safety>> due_waiters();
  [[nodiscard]] bool sync_is_urgent() const;
  [[nodiscard]] bool wait_for_sync_work();
  void keep_syncing();
  void fail_with(const Error& error);
  [[nodiscard]] bool nothing_runs() const;
  void say_goodbye();

  // work_engine_groups.cpp
  [[nodiscard]] Result<void> load_groups();
  void keep_groups();
  [[nodiscard]] Result<void> keep_group(const work::KeepGroup& keep);
  void tell_watcher(const wire::GroupEntry& entry);

  // work_engine_space.cpp
  void ask_for_room();
  void note_room();
  void maintain();
  void scrub();
  void keep_stock();
  [[nodiscard]] bool holds_too_much() const;
  bool carry();
  void make_space();

  // work_engine_copies.cpp
  [[nodiscard]] bool copies_letters() const;
  [[nodiscard]] std::optional<work::LetterPage> letters_behind(std::uint64_t after);
  void read_letters(std::uint64_t after);
  void letters_left(std::span<const LetterBox::Left> left);
  void count_uncopied(std::uint64_t kept);

  // work_engine_letters.cpp
  void keep_letters();
  [[nodiscard]] std::chrono::milliseconds look_after_letters();
  void store_letters(std::span<const work::StoreLetter> asked);
  void remove_letters(std::span<const work::RemoveLetter> asked);
  void load_events(std::span<const work::LoadEvent> asked);
  [[nodiscard]] bool nothing_to_keep() const;
  [[nodiscard]] bool letters_kept() const;
  [[nodiscard]] Result<Letter> letter_of(const work::StoreLetter& asked) const;
  void log_letter(const Letter& letter, const Result<std::uint64_t>& kept) const;

  struct CopiedPage {
    std::uint64_t after = 0;  // the number of the letter before
    std::vector<CopiedLetter> letters;
    std::uint64_t last = 0;
    bool more = false;
  };

  const Services services_;
  const Settings settings_;
  std::shared_ptr<storage::Disk> disk_;
  std::unique_ptr<storage::Journal> journal_;  // null at level memory
  std::unique_ptr<storage::FlightTable> flights_;
  std::unique_ptr<LetterBox> letters_;
  base::Counter& syncs_;
  base::Counter& appended_bytes_;
  base::Counter& frames_dropped_;
  base::Counter& uncopied_;
  bool said_uncopied_ = false;          // of the letters' thread
  std::atomic<bool> full_{false};       // the disk gave no more space, and the reserve is touched
  std::atomic<std::uint64_t> room_{0};  // of the journal, when it was asked last
  std::atomic<bool> stalled_{false};    // not even the reserve has room for what is pending

  delivery::CallGate outside_;  // for calls of the node around it, until `stop` returns

  std::mutex sync_mutex_;    // one sync at a time; taken before append_mutex_
  std::mutex append_mutex_;  // one append at a time; taken before mutex_; guards the one below
  storage::Commit writing_;
  storage::Tail anchored_;   // of the thread that syncs
  work::Position spaced_ = 0;  // where the journal ended when space was made last; of the same thread

  std::mutex groups_mutex_;  // one required group is kept at a time; taken before mutex_; guards the two below
  std::map<std::string, std::weak_ptr<GroupWatcher>> group_watchers_;  // by bus
  std::map<std::uint64_t, Error> group_failures_;                      // by change

  std::mutex leaving_mutex_;  // while letters leave the store; taken before mutex_

  mutable std::mutex mutex_;  // guards all below
  work::Core core_;
  work::Machine& machine_;  // of the core
  storage::Commit pending_;
  work::Frames outbox_;
  bool nudged_ = false;     // the engine has been told, and has not come yet
  bool fails_later_ = false;          // a thread is on its way to say that the node has failed
  bool appending_elsewhere_ = false;  // a thread is on its way to append what is pending
  work::Position written_ = 0;
  work::Position synced_ = 0;
  std::condition_variable written_changed_;
  std::condition_variable safe_changed_;
  std::condition_variable sync_work_;
  std::condition_variable letter_work_;
  std::condition_variable stock_work_;
  std::condition_variable letters_done_;
  std::condition_variable watched_changed_;
  std::condition_variable ended_elsewhere_;  // something may have
  std::condition_variable groups_changed_;
  std::uint64_t watched_ended_ = 0;
  bool keeping_letters_ = false;
  std::multimap<work::Position, Told> safe_waiters_;
  std::vector<work::StoreLetter> letters_to_store_;
  std::vector<work::RemoveLetter> letters_to_remove_;
  std::vector<work::LoadEvent> events_to_load_;  // for other nodes
  std::optional<CopiedPage> page_;               // of letters, for guardians
  std::optional<std::uint64_t> page_wanted_;     // behind this number
  bool reading_letters_ = false;
  std::set<DeadLetterId> left_while_reading_;
  std::vector<std::pair<work::Position, std::size_t>> landing_;  // flights that end when that is written
  std::vector<std::weak_ptr<Puller>> pullers_;                   // by group
  std::optional<base::MonoTime> tick_planned_;
  std::optional<Error> failure_;
  std::atomic<bool> failed_{false};    // whether there is a failure_: may be asked without the lock
  std::atomic<bool> stopping_{false};  // the same
  bool syncer_waits_ = false;
  bool parting_ = false;       // nothing is taken any more
  work::Position goodbye_end_ = 0;  // of the one that was said last; 0: none was
  bool stock_wanted_ = false;
  std::size_t blocked_ = 0;            // who waits for a sync that another must make
  work::Position others_wait_for_ = 0;  // other nodes do, for what stands before it

  base::Counter& scrubbed_bytes_;
  base::Counter& damages_;
  std::uint64_t scrubbed_ = 0;  // of this round; of the thread that syncs, like the next
  base::MonoTime scrub_again_{};

  std::thread sync_thread_;
  std::thread letter_thread_;
  std::thread stock_thread_;
};

}  // namespace evmesh::bus
