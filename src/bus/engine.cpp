#include "bus/engine.hpp"

#include <algorithm>
#include <system_error>
#include <type_traits>
#include <utility>

#include "base/limits.hpp"
#include "transport/names.hpp"

namespace evmesh::bus {

namespace {

// How much may wait in front of a link's DEALER; more stays in the ring, where it costs nothing.
constexpr std::uint64_t link_queue_bytes = limits::dealer_bytes_max;

// A dispatching thread does the engine's turn only when the engine has rested this long: a busy node coalesces instead.
constexpr std::chrono::microseconds rested{20};

// What a busy dispatching thread adds waits for company this long, unless much comes sooner; longer while so much comes
// that each peer's share of it fills a frame (measured: 1.2 times as many events to one peer, to eight with other keys each).
constexpr std::chrono::microseconds packing_time{100};
constexpr std::chrono::microseconds packing_time_busy{400};
constexpr std::uint64_t busy_bytes = 64 * limits::kib;
constexpr std::chrono::milliseconds busy_period{1};

/// A peer is given as long as a dispatch would wait for it, whether one does or not.
CoreOptions with_patience(CoreOptions core, std::chrono::milliseconds notify_wait) {
  core.routing.timings.out_of_step = std::max(notify_wait, limits::notify_wait);
  return core;
}

/// Group work thinks in members, the transport in links.
class WorkRoom final : public work::Room {
 public:
  WorkRoom(const MeshCore& core, const LinkRoom& links) : core_(core), links_(links) {}

  [[nodiscard]] std::uint64_t room_bytes(const wire::Life& to, wire::Class frame_class) const override {
    const auto link = core_.link_of(to);
    return link ? links_.room_bytes(*link, frame_class) : 0;
  }

 private:
  const MeshCore& core_;
  const LinkRoom& links_;
};

bool is_question(const wire::Frame& frame) {
  return std::holds_alternative<wire::Ask>(frame.body) || std::holds_alternative<wire::Reply>(frame.body);
}

/// A busy engine asks for deadlines as seldom as this: the answer costs a walk over all peers.
constexpr std::chrono::milliseconds tick_interval{1};

// How long the goodbye may take to leave the sockets.
constexpr std::chrono::milliseconds goodbye_linger{500};

}  // namespace

Engine::Engine(Options options, std::unique_ptr<transport::Transport> transport, std::vector<Downlink*> downlinks,
               const base::Clock& clock)
    : options_(std::move(options)),
      downlinks_(std::move(downlinks)),
      clock_(clock),
      transport_(std::move(transport)),
      core_(with_patience(options_.core, options_.notify_wait), *this, intake_),
      sleeper_(transport_->wait_fd()) {
  intake_.serve(core_, downlinks_.size());
}

Engine::~Engine() { stop(false, std::chrono::milliseconds{0}); }

void Engine::serve(WorkLine& work) {
  const Lock lock(mutex_);
  work_ = &work;
}

Result<void> Engine::start() {
  if (!sleeper_.usable()) return fail(ErrorCode::busy, "no file descriptors left for the engine; raise the limit (ulimit -n)");
  Lock lock(mutex_);
  now_ = clock_.now();
  core_.start(now_, actions_);
  perform();
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return fail(ErrorCode::busy, std::string("no thread left for the engine: ") + error.what() + "; raise the limit (ulimit -u)");
  }
  progress_.wait_for(lock, options_.join_timeout, [this] { return core_.joined() || failure_; });
  if (failure_) return tl::unexpected(*failure_);
  if (!core_.joined()) {
    for (const std::string& awaited : core_.awaited()) {
      notes_.push_back({LogLevel::warning, "member_not_reached_yet", {{"member", awaited}}});
    }
    core_.stop_waiting();
  }
  speak(lock);
  return {};
}

void Engine::run() {
  Lock lock(mutex_);
  while (!stopping_) {
    const bool more = turn(lock);
    if (stopping_ || more || waiting_work_ || transport_->ready() || !intake_.fall_asleep()) continue;
    armed_ = core_.next_deadline();
    sleeper_.arm(armed_);
    asleep_ = true;
    woken_ = false;
    lock.unlock();
    sleeper_.sleep();
    lock.lock();
    asleep_ = false;
    intake_.wake_up();
    look_at_ = {};
  }
}

bool Engine::turn(Lock& lock) {
  now_ = clock_.now();
  intake_.drain(now_);
  const bool more = transport_->receive(*this);
  // Only here, behind receiving: a dispatching thread that does a turn has heard nobody, and must take nobody's silence for it.
  if (now_ >= look_at_) {
    look_at_ = now_ + tick_interval;
    if (core_.next_deadline() <= now_) core_.tick(now_, actions_);
  }
  perform();
  pump(now_);
  if (!notes_.empty()) speak(lock);
  return more;
}

void Engine::pump(MonoTime now) {
  waiting_work_ = false;
  measure(now, intake_.drain_for_sending(now));
  core_.pump(now, *this, actions_);
  perform();
  pump_work();
  last_turn_ = now;
  if (std::exchange(progressed_, false)) progress_.notify_all();
}

/// Whether at least `busy_bytes` come in a period.
void Engine::measure(MonoTime now, std::uint64_t bytes) {
  measured_bytes_ += bytes;
  const auto passed = now - measured_since_;
  if (passed < busy_period) return;
  busy_ = measured_bytes_ / busy_bytes >= static_cast<std::uint64_t>(passed / busy_period);
  measured_bytes_ = 0;
  measured_since_ = now;
}

void Engine::pump_work() {
  if (failure_) return;
  const WorkRoom room(core_, *this);
  if (work_ != nullptr && work_->pump(room, frames_)) waiting_work_ = true;
  if (questions_.wants_pump()) questions_.pump(core_.self(), room, frames_);
  for (work::SendFrame& frame : frames_) {
    const auto link = core_.link_of(frame.to);
    if (link) transport_->send(*link, frame.frame_class, std::move(frame.bytes));
  }
  frames_.clear();
}

void Engine::nudge() {
  Lock lock(mutex_);
  if (usable()) hand_over(lock);
}

void Engine::perform() {
  // Doing one thing may give rise to others (a socket that fails, a link that breaks), which then stand behind.
  while (!actions_.empty()) {
    CoreActions batch = std::exchange(actions_, {});
    for (CoreAction& action : batch) {
      if (!failure_) do_now(action);
    }
  }
}

void Engine::do_now(CoreAction& action) {
  const auto try_to = [this](const Result<void>& result, const std::string& endpoint) {
    if (result) return;
    notes_.push_back({LogLevel::warning, "connect_failed", {{"endpoint", endpoint}, {"error", result.error().message}}});
  };
  std::visit(
      [&](auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, SendOnLink>) {
          transport_->send(what.link, what.frame_class, std::move(what.bytes));
        } else if constexpr (std::is_same_v<What, AnswerOn>) {
          transport_->answer(what.connection, std::move(what.bytes));
        } else if constexpr (std::is_same_v<What, WorkMemberUp>) {
          if (work_ != nullptr) work_->member_up(what.life, what.name, what.transient);
        } else if constexpr (std::is_same_v<What, WorkMemberDown>) {
          if (work_ != nullptr) work_->member_down(what.life);
          member_gone(what.life, "it is dead");
        } else if constexpr (std::is_same_v<What, WorkLifeEnded>) {
          if (work_ != nullptr) work_->life_ended(what.life, what.clean);
          member_gone(what.life, "it has ended");
        } else if constexpr (std::is_same_v<What, membership::Gone>) {
          if (work_ != nullptr) work_->gone(what.node);
        } else if constexpr (std::is_same_v<What, WorkFrame>) {
          if (is_question(what.frame)) return on_question_frame(what.from, what.frame);
          if (work_ != nullptr) work_->on_frame(what.from, what.frame, what.bytes);
        } else if constexpr (std::is_same_v<What, routing::PublishFrame>) {
          transport_->publish(std::move(what.bytes));
        } else if constexpr (std::is_same_v<What, routing::Deliver>) {
          downlinks_[what.bus]->deliver(what);
        } else if constexpr (std::is_same_v<What, routing::DeliverGap>) {
          downlinks_[what.bus]->deliver_gap(what.listener, what.gap);
        } else if constexpr (std::is_same_v<What, routing::Progress>) {
          progressed_ = true;
        } else if constexpr (std::is_same_v<What, membership::Dial>) {
          try_to(transport_->dial(what.link, what.endpoint), what.endpoint);
        } else if constexpr (std::is_same_v<What, membership::HangUp>) {
          transport_->hang_up(what.link);
        } else if constexpr (std::is_same_v<What, membership::Follow>) {
          try_to(transport_->follow(what.publish_endpoint), what.publish_endpoint);
        } else if constexpr (std::is_same_v<What, membership::Unfollow>) {
          transport_->unfollow(what.publish_endpoint);
        } else if constexpr (std::is_same_v<What, membership::RaiseEpoch>) {
          if (const auto kept = options_.keep_epoch(what.epoch); !kept) return fatal(kept.error());
          transport_->set_epoch(what.epoch);
          if (work_ != nullptr) work_->raise_epoch(what.epoch);
        } else if constexpr (std::is_same_v<What, membership::Fatal>) {
          fatal(what.error);
        } else {
          static_assert(std::is_same_v<What, membership::Note>);
          notes_.push_back({what.level, std::move(what.message), std::move(what.fields)});
        }
      },
      action);
}

void Engine::fatal(const Error& error) {
  if (failure_) return;
  failure_ = Error{ErrorCode::node_failed, error.message};
  ended_ = true;
  intake_.close();
  notes_.push_back({LogLevel::error, "node_failed", {{"reason", error.message}}});
  transport_->close();
  progressed_ = true;
  answered_.notify_all();
  if (!options_.on_fatal) return;
  try {
    fatal_thread_ = std::thread(options_.on_fatal, *failure_);
  } catch (const std::system_error& thrown) {
    notes_.push_back({LogLevel::error, "on_fatal_not_called", {{"error", thrown.what()}}});
  }
}

void Engine::give_up(const Error& error) {
  Lock lock(mutex_);
  if (failure_ || stopping_) return;
  now_ = clock_.now();
  ended_ = true;
  intake_.close();
  if (!std::exchange(said_goodbye_, true)) {
    core_.goodbye(now_, false, actions_);
    perform();
    transport_->close(goodbye_linger);
  }
  fatal(error);
  sleeper_.wake();
  progress_.notify_all();
  speak(lock);
}

void Engine::hand_over(Lock& lock) {
  waiting_work_ = true;
  if (!asleep_) return;  // the engine looks before it sleeps
  const MonoTime now = clock_.now();
  if (now < last_turn_ + rested) {
    if (!std::exchange(woken_, true)) sleeper_.wake();
    return;
  }
  turn_here(lock, now);
}

/// Events wait in the intake, and the engine may sleep. Who dispatches again and again shares frames with himself.
void Engine::take_up(Lock& lock) {
  if (!asleep_) {
    waiting_work_ = true;
    return;
  }
  const MonoTime now = clock_.now();
  if (now >= last_turn_ + rested || intake_.crowded()) return turn_here(lock, now);
  sleeper_.arm(armed_ = std::min(core_.next_deadline(), last_turn_ + (busy_ ? packing_time_busy : packing_time)));
}

void Engine::turn_here(Lock& lock, MonoTime now) {
  now_ = now;
  pump(now);
  const MonoTime next = core_.next_deadline();
  if (next < armed_) sleeper_.arm(armed_ = next);
  if (transport_->ready() || waiting_work_) sleeper_.wake();
  if (!notes_.empty()) speak(lock);
}

void Engine::speak(Lock& lock) {
  const std::vector<LogRecord> records = std::exchange(notes_, {});
  lock.unlock();
  for (const LogRecord& record : records) base::log(options_.log, record.level, record.message, record.fields);
  lock.lock();
}

void Engine::stop(bool for_good, std::chrono::milliseconds patience) {
  Lock lock(mutex_);
  ended_ = true;
  intake_.close();
  intake_.drain(clock_.now());
  if (!std::exchange(said_goodbye_, true) && !failure_) {
    const MonoTime deadline = clock_.now() + patience;
    while (!core_.routing().flushed() && clock_.now() < deadline && !failure_) {
      now_ = clock_.now();
      for (std::size_t bus = 0; bus < downlinks_.size(); ++bus) core_.ask_reports(now_, bus, actions_);
      perform();
      hand_over(lock);
      progress_.wait_for(lock, std::chrono::milliseconds{50});
    }
    core_.goodbye(clock_.now(), for_good, actions_);
    perform();
    transport_->close(goodbye_linger);
  }
  stopping_ = true;
  sleeper_.wake();
  progress_.notify_all();
  answered_.notify_all();
  lock.unlock();
  if (thread_.joinable()) thread_.join();
  if (fatal_thread_.joinable() && fatal_thread_.get_id() != std::this_thread::get_id()) fatal_thread_.join();
  lock.lock();
  speak(lock);
}

void Engine::on_router(const ConnectionId& from, wire::Buffer frame) {
  core_.on_router(now_, from, frame, actions_);
  perform();
}

void Engine::on_answer(LinkId link, wire::Buffer frame) {
  core_.on_answer(now_, link, frame, actions_);
  perform();
}

void Engine::on_published(wire::Buffer frame) {
  core_.on_published(now_, frame, actions_);
  perform();
}

void Engine::on_subscription(std::string_view topic, bool active) {
  const auto follower = transport::parse_barrier_topic(topic);
  if (!follower) return;
  core_.on_follower(now_, *follower, active, actions_);
  perform();
}

void Engine::on_link(LinkId link, membership::LinkEvent event) {
  core_.on_link(now_, link, event, actions_);
  perform();
}

void Engine::on_writable(LinkId) { waiting_work_ = true; }

void Engine::on_failed(const Error& error) { fatal(error); }

void Engine::match(std::size_t bus, std::span<const std::string_view> keys, std::vector<routing::Match>& out) const {
  downlinks_[bus]->match(keys, out);
}

void Engine::everyone(std::size_t bus, std::vector<routing::Match>& out) const { downlinks_[bus]->everyone(out); }

std::uint64_t Engine::room_bytes(LinkId link, wire::Class frame_class) const {
  const std::uint64_t queued = transport_->queued_bytes(link, frame_class);
  return queued >= link_queue_bytes ? 0 : link_queue_bytes - queued;
}

}  // namespace evmesh::bus
