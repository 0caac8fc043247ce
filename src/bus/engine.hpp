#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <evmesh/node.hpp>

#include "base/clock.hpp"
#include "bus/asker.hpp"
#include "bus/downlink.hpp"
#include "bus/intake.hpp"
#include "bus/mesh_core.hpp"
#include "bus/sleeper.hpp"
#include "bus/uplink.hpp"
#include "bus/work_line.hpp"
#include "transport/transport.hpp"
#include "work/questions.hpp"

namespace evmesh::bus {

/// An event on its way into a stream.
struct Encoded {
  std::string bytes;                  ///< none: nobody needs it
  std::vector<std::uint64_t> hashes;  ///< of its keys
};

/// Drives the machines of a node: owns every socket and the core behind one lock, and a thread that takes what arrives and
/// does what is due. It never runs user code and never waits for a listener. A thread that dispatches while the engine
/// sleeps does the engine's turn itself, so that an idle node sends at once; when the engine is busy the event waits for its
/// next turn and shares a frame with others. Thread-safe.
class Engine final : public Asker, private transport::Handler, private routing::ListenerLookup, private LinkRoom {
 public:
  struct Options {
    CoreOptions core;
    std::chrono::milliseconds notify_wait{100};
    std::chrono::milliseconds join_timeout{3'000};
    std::uint64_t event_size_bytes_max = 1 << 20;
    PayloadFormat payload = PayloadFormat::binary;
    LogSink log;  ///< takes one record at a time
    std::function<void(const Error&)> on_fatal;
    std::function<Result<void>(std::uint64_t)> keep_epoch;  ///< makes a raised epoch durable
    /// Other nodes' questions, to be answered with `answer`. Called under the engine's lock: must not block nor call it.
    std::function<void(std::vector<work::Questions::Asked>)> on_questions;
  };

  /// `downlinks` (one per bus, in order) and `clock` outlive the engine.
  Engine(Options options, std::unique_ptr<transport::Transport> transport, std::vector<Downlink*> downlinks,
         const base::Clock& clock);
  ~Engine() override;

  /// Who does group work; outlives the engine. Before `start`.
  void serve(WorkLine& work);

  /// Starts the thread, dials the seeds and waits until joined or `join_timeout`. Errors: node_failed (a twin).
  [[nodiscard]] Result<void> start();

  /// The door of one bus; lives as long as the engine.
  [[nodiscard]] std::unique_ptr<Uplink> uplink(std::size_t bus);

  /// Lets peers get what was accepted (at most `patience`), says goodbye and ends the thread. Idempotent.
  void stop(bool for_good, std::chrono::milliseconds patience);

  [[nodiscard]] Result<void> forget(std::string_view member);

  /// The node failed elsewhere (its journal): says goodbye, closes the sockets and answers everything with `error` from now
  /// on. Idempotent.
  void give_up(const Error& error);

  /// Group work has frames to send.
  void nudge();

  [[nodiscard]] std::vector<Answered> ask(std::string_view operation, const Arguments& arguments,
                                          std::chrono::milliseconds timeout) override;

  /// Answers a question that `on_questions` was told of.
  void answer(const wire::Life& to, work::Questions::Number number, Result<std::string> answer);

  /// Fills in what the engine knows: members, streams, heads, counters, failure.
  void describe(NodeStatus& status);

  /// Names of the peers that announced interest in a key.
  [[nodiscard]] std::vector<std::string> interested(std::size_t bus, std::string_view key) const;

 private:
  class BusUplink;
  using Lock = std::unique_lock<std::mutex>;

  // The thread (engine.cpp).
  void run();
  bool turn(Lock& lock);
  void pump(MonoTime now);
  void perform();
  void do_now(CoreAction& action);
  void measure(MonoTime now, std::uint64_t bytes);
  void pump_work();
  void fatal(const Error& error);
  void hand_over(Lock& lock);
  void take_up(Lock& lock);
  void turn_here(Lock& lock, MonoTime now);
  void speak(Lock& lock);

  // For the uplinks (engine_uplink.cpp).
  struct Publication {
    std::size_t bus = 0;
    std::span<const Uplink::Outgoing> events;
    bool inside_listener = false;
  };
  [[nodiscard]] Result<Uplink::Published> publish(const Publication& what, std::span<std::uint32_t> each);
  [[nodiscard]] Result<void> encode(const Uplink::Outgoing& event, std::string& bytes) const;
  [[nodiscard]] std::vector<std::size_t> unencoded(std::size_t bus, std::span<const Encoded> events) const;
  [[nodiscard]] Result<void> prepare(Lock& lock, Intake::Lock& taking, const Publication& what,
                                     std::span<Encoded> ready);
  [[nodiscard]] Result<void> wait_for_window(Lock& lock, std::size_t bus, bool inside_listener);
  std::uint64_t change_interest(std::size_t bus, const std::function<Uplink::InterestChange(std::uint64_t)>& apply);
  [[nodiscard]] RegistrationReceipt acknowledged(std::size_t bus, std::uint64_t version, MonoTime since,
                                                 std::chrono::milliseconds timeout);
  [[nodiscard]] SeenBy wait_seen(std::size_t bus, std::uint64_t first, std::uint64_t last,
                                 std::chrono::milliseconds timeout);
  [[nodiscard]] Result<void> usable_now() const;
  [[nodiscard]] Result<void> usable() const;

  // Questions between nodes (engine_questions.cpp).
  [[nodiscard]] Result<work::Questions::Number> put(const Member& member, MonoTime deadline, std::string_view operation,
                                                    std::string arguments);
  [[nodiscard]] Result<std::string> wait_answer(Lock& lock, work::Questions::Number number, MonoTime deadline);
  void on_question_frame(const wire::Life& from, const wire::Frame& frame);
  void member_gone(const wire::Life& life, std::string_view why);

  // transport::Handler
  void on_router(const ConnectionId& from, wire::Buffer frame) override;
  void on_answer(LinkId link, wire::Buffer frame) override;
  void on_published(wire::Buffer frame) override;
  void on_subscription(std::string_view topic, bool active) override;
  void on_link(LinkId link, membership::LinkEvent event) override;
  void on_writable(LinkId link) override;
  void on_failed(const Error& error) override;

  // routing::ListenerLookup
  void match(std::size_t bus, std::span<const std::string_view> keys, std::vector<routing::Match>& out) const override;
  void everyone(std::size_t bus, std::vector<routing::Match>& out) const override;
  [[nodiscard]] bool crowded(std::size_t bus) const override { return downlinks_[bus]->crowded(); }

  // LinkRoom
  [[nodiscard]] std::uint64_t room_bytes(LinkId link, wire::Class frame_class) const override;

  Options options_;
  const std::vector<Downlink*> downlinks_;
  const base::Clock& clock_;

  mutable std::mutex mutex_;  // the engine's lock; guards all below
  std::condition_variable progress_;
  std::condition_variable answered_;  // a question of this node
  std::unique_ptr<transport::Transport> transport_;
  Intake intake_;  // has a lock of its own
  MeshCore core_;
  Sleeper sleeper_;
  CoreActions actions_;
  WorkLine* work_ = nullptr;      // null: nobody does group work
  work::Questions questions_;
  work::Frames frames_;           // scratch
  std::vector<LogRecord> notes_;  // spoken when the lock is free
  MonoTime now_{};                // of the present turn
  MonoTime last_turn_{};
  MonoTime measured_since_{};
  std::uint64_t measured_bytes_ = 0;  // of what was dispatched since then
  bool busy_ = false;                 // much was, in the period before
  MonoTime armed_ = MonoTime::max();
  MonoTime look_at_{};  // for deadlines; not before, while turn follows turn
  bool asleep_ = false;
  bool woken_ = false;         // during this sleep
  bool waiting_work_ = false;  // something was accepted since the last turn
  bool progressed_ = false;
  bool stopping_ = false;
  bool said_goodbye_ = false;
  std::optional<Error> failure_;
  std::atomic<bool> ended_{false};  // one of the two; for those who ask without the lock

  std::thread thread_;
  std::thread fatal_thread_;
};

}  // namespace evmesh::bus
