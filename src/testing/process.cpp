#include "testing/process.hpp"

#include <algorithm>
#include <functional>
#include <type_traits>

#include "base/limits.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::testing {

using namespace std::chrono_literals;

namespace {

/// What one thing leads to at once; more waits for the next turn, which is planned.
constexpr unsigned rounds_max = 50;
/// A machine that is due again at once is looked at again after so long.
constexpr nanoseconds tick_interval = 1ms;

bus::CoreOptions mesh_options(const World& world, const Host& host, const wire::Life& life, std::uint64_t seed) {
  bus::CoreOptions options;
  options.seed = seed;
  auto& membership = options.membership;
  membership.self = life;
  membership.name = host.name;
  membership.cluster = "simulated";
  membership.transient = world.options.level == Level::memory;
  membership.mode = world.options.mode;
  membership.work_endpoint = sim::Network::work_endpoint(host.index);
  membership.publish_endpoint = sim::Network::publish_endpoint(host.index);
  for (const auto& other : world.hosts) {
    if (other->index != host.index) membership.seeds.push_back(sim::Network::work_endpoint(other->index));
  }
  membership.buses = world.options.buses;
  options.routing.self = life;
  options.routing.mode = world.options.mode;
  options.routing.buses = world.options.buses;
  return options;
}

work::CoreOptions work_options(const World& world, const wire::Life& life, std::uint64_t seed) {
  const bool replicated = !world.mono && world.options.level == Level::replicated;
  work::CoreOptions options;
  options.machine = {.self = life.id, .epoch = life.epoch, .seed = seed, .meshed = !world.mono};
  options.copies = world.options.copies;
  options.seeded = world.options.nodes > 1;
  options.replicates = replicated;
  options.alone = world.mono;
  options.guards = !world.mono;
  return options;
}

}  // namespace

Process::Process(World& world, Host& host)
    : world_(world),
      host_(host),
      life_{host.id, ++host.epoch},
      log_([&world, &host](const LogRecord& record) { world.log(host, record); }),
      decoders_(world.options.decoders, log_, counters_),
      audiences_(world.options.buses.size()),
      rules_(limits::event_size_bytes_default, world.options.payload),
      core_([&] {
        auto options = work_options(world, life_, world.dice.next());
        options.read = [this](storage::Position position) { return read(position); };
        options.letters = [this](std::uint64_t after) { return letters_behind(after); };
        return options;
      }()),
      required_(world.options.buses.size()) {
  for (const std::string& bus : world.options.buses)
    runners_.push_back(std::make_unique<delivery::Runner>(mark_, bus, log_, counters_));
  if (world.mono) return;
  const routing::ListenerLookup& listeners = *this;
  mesh_.emplace(mesh_options(world, host, life_, world.dice.next()), listeners);
}

Process::~Process() = default;

void Process::start() {
  recover();
  world_.note(host_, {.what = What::started});
  if (mesh_) {
    world_.network.attach(host_.index, life_, *this);
    mesh_->start(world_.now(), mesh_actions_);
    later(3s, [this] { mesh_->stop_waiting(); });
  }
  turn();
}

void Process::end() {
  over_ = true;
  for (auto& waiter : std::exchange(waiters_, {})) {
    waiter.tell(evmesh::fail(ErrorCode::unknown_outcome, "the process ended before it was known to be safe"));
  }
  kept_.clear();
}

bool Process::knows(std::size_t others) const {
  if (!mesh_) return true;
  if (!mesh_->joined() || !mesh_->routing().exchanged()) return false;
  const auto members = this->members();
  const auto known = std::ranges::count_if(members, [&](const Member& member) {
    const bool followed = world_.options.mode != Mode::broadcast || member.pub_connected;
    return !member.self && member.state == MemberState::alive && member.hears_us && member.we_hear && followed;
  });
  return static_cast<std::size_t>(known) == others;
}

std::vector<Member> Process::members() const {
  return mesh_ ? mesh_->members(world_.now()) : std::vector<Member>();
}

bool Process::quiet() const {
  const bool heard = inbox_.empty() && calls_planned_ == 0 && (!mesh_ || mesh_->routing().flushed());
  return heard && running_.empty() && core_.machine().owed_count() == 0 && waiters_.empty();
}

// Turns.

void Process::later(nanoseconds wait, std::function<void()> what) {
  world_.timeline.after(wait, [weak = weak_from_this(), what = std::move(what)] {
    const auto self = weak.lock();
    if (!self || self->over_) return;
    if (self->paused_) return self->later(tick_interval, what);
    what();
    if (!self->over_) self->plan_turn();
  });
}

void Process::arrive(sim::Input input) {
  inbox_.push_back(std::move(input));
  plan_turn();
}

void Process::resume() {
  paused_ = false;
  plan_turn();
}

void Process::plan_turn() {
  if (over_ || paused_ || std::exchange(turn_planned_, true)) return;
  world_.timeline.at(world_.now(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->turn_planned_ = false;
    self->turn();
  });
}

void Process::turn() {
  if (over_ || paused_ || turning_) return;
  turning_ = true;
  for (unsigned round = 0; round < rounds_max && !over_; ++round) {
    take_inputs();
    if (mesh_) {
      if (mesh_->next_deadline() <= world_.now()) mesh_->tick(world_.now(), mesh_actions_);
      perform_mesh();
      mesh_->pump(world_.now(), *this, mesh_actions_);
      perform_mesh();
    }
    if (!over_) turn_work();
    if (nothing_to_do()) break;
  }
  turning_ = false;
  if (over_) return;
  tell_waiters();
  plan_wake();
}

bool Process::nothing_to_do() const {
  return inbox_.empty() && mesh_actions_.empty() && actions_.empty() && frames_.empty() && commit_.empty();
}

void Process::plan_wake() {
  MonoTime due = core_.next_deadline().value_or(MonoTime::max());
  if (mesh_) due = std::min(due, mesh_->next_deadline());
  if (due == MonoTime::max()) return;
  if (due <= world_.now()) due = world_.now() + tick_interval;
  if (due >= wake_at_ && wake_at_ > world_.now()) return;
  wake_at_ = due;
  world_.timeline.at(due, [weak = weak_from_this(), due] {
    const auto self = weak.lock();
    if (self && self->wake_at_ == due) self->plan_turn();
  });
}

void Process::take_inputs() {
  for (std::size_t taken = 0; !inbox_.empty() && taken < limits::socket_messages_per_turn && !over_; ++taken) {
    const sim::Input input = std::move(inbox_.front());
    inbox_.pop_front();
    take(input);
    perform_mesh();
  }
}

void Process::take(const sim::Input& input) {
  const MonoTime now = world_.now();
  const auto buffer = [](const sim::Bytes& bytes) { return wire::Buffer{bytes, *bytes}; };
  if (const auto* router = std::get_if<sim::RouterFrame>(&input)) {
    mesh_->on_router(now, router->from, buffer(router->bytes), mesh_actions_);
  } else if (const auto* answer = std::get_if<sim::AnswerFrame>(&input)) {
    mesh_->on_answer(now, answer->link, buffer(answer->bytes), mesh_actions_);
  } else if (const auto* published = std::get_if<sim::PublishedFrame>(&input)) {
    if (published->outstanding) --*published->outstanding;
    mesh_->on_published(now, buffer(published->bytes), mesh_actions_);
  } else if (const auto* follower = std::get_if<sim::FollowerChange>(&input)) {
    mesh_->on_follower(now, follower->follower, follower->active, mesh_actions_);
  } else if (const auto* link = std::get_if<sim::LinkChange>(&input)) {
    mesh_->on_link(now, link->link, link->event, mesh_actions_);
  }
}

void Process::perform_mesh() {
  while (!mesh_actions_.empty() && !over_) {
    for (bus::CoreActions batch = std::exchange(mesh_actions_, {}); bus::CoreAction & action : batch) {
      if (!over_) perform(action);
    }
  }
}

void Process::perform(bus::CoreAction& action) {
  sim::Network& network = world_.network;
  const unsigned self = host_.index;
  const auto shared = [](std::string& bytes) { return std::make_shared<const std::string>(std::move(bytes)); };
  std::visit(
      [&](auto& it) {
        using It = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<It, bus::SendOnLink>) {
          network.send(self, it.link, it.frame_class, shared(it.bytes));
        } else if constexpr (std::is_same_v<It, bus::AnswerOn>) {
          network.answer(self, it.connection, shared(it.bytes));
        } else if constexpr (std::is_same_v<It, routing::PublishFrame>) {
          network.publish(self, shared(it.bytes));
        } else if constexpr (std::is_same_v<It, bus::WorkMemberUp>) {
          core_.member_up(now(), it.life, {it.name, it.transient});
        } else if constexpr (std::is_same_v<It, bus::WorkMemberDown>) {
          core_.member_down(now(), it.life);
        } else if constexpr (std::is_same_v<It, bus::WorkLifeEnded>) {
          core_.life_ended(now(), it.life, it.clean);
        } else if constexpr (std::is_same_v<It, membership::Gone>) {
          core_.gone(now(), it.node);
        } else if constexpr (std::is_same_v<It, bus::WorkFrame>) {
          core_.on_frame(now(), it.from, it.frame, it.bytes);
        } else if constexpr (std::is_same_v<It, routing::Deliver>) {
          deliver(it);
        } else if constexpr (std::is_same_v<It, routing::DeliverGap>) {
          deliver_gap(it);
        } else if constexpr (std::is_same_v<It, membership::Dial>) {
          network.dial(self, it.link, it.endpoint);
        } else if constexpr (std::is_same_v<It, membership::HangUp>) {
          network.hang_up(self, it.link);
        } else if constexpr (std::is_same_v<It, membership::Follow>) {
          network.follow(self, it.publish_endpoint);
        } else if constexpr (std::is_same_v<It, membership::Unfollow>) {
          network.unfollow(self, it.publish_endpoint);
        } else if constexpr (std::is_same_v<It, membership::RaiseEpoch>) {
          host_.epoch = life_.epoch = it.epoch;
          network.rename(self, life_);
          core_.raise_epoch(now(), it.epoch);
        } else if constexpr (std::is_same_v<It, membership::Fatal>) {
          fail(it.error);
        } else if constexpr (std::is_same_v<It, membership::Note>) {
          base::log(log_, it.level, it.message, it.fields);
        } else {
          static_assert(std::is_same_v<It, routing::Progress>);
        }
      },
      action);
}

void Process::fail(const Error& error) {
  Happening failed{.what = What::node_failed};
  failed.error = error.message;
  world_.note(host_, std::move(failed));
  world_.network.detach(host_.index, true);
  world_.bury(std::move(host_.process));
  end();
}

// What arrives for listeners. They are called when the machines are at rest.

void Process::match(std::size_t bus, std::span<const std::string_view> keys,
                    std::vector<routing::Match>& out) const {
  audiences_[bus].match(keys, out);
}

void Process::everyone(std::size_t bus, std::vector<routing::Match>& out) const { audiences_[bus].everyone(out); }

std::uint64_t Process::room_bytes(membership::LinkId link, wire::Class frame_class) const {
  return world_.network.room_bytes(host_.index, link, frame_class);
}

std::uint64_t Process::room_bytes(const wire::Life& to, wire::Class frame_class) const {
  const auto link = mesh_ ? mesh_->link_of(to) : std::nullopt;
  return link ? room_bytes(*link, frame_class) : 0;
}

/// What a frame holds is decoded once for all listeners, which follow each other.
Process::Opened Process::open(const std::shared_ptr<const routing::Arrivals>& arrivals, std::size_t at) {
  if (last_arrivals_.lock() != arrivals) last_opened_.clear();
  last_arrivals_ = arrivals;
  Opened& opened = last_opened_[at];
  if (opened) return opened;
  Arrived arrived = wire::decode_event(arrivals->events()[at].bytes);
  if (arrived) arrived->event = decoders_.decoded(std::move(arrived->event));
  return opened = std::make_shared<const Arrived>(std::move(arrived));
}

void Process::deliver(const routing::Deliver& it) {
  for (const routing::Deliver::Item& item : it.items) {
    ++calls_planned_;
    const Opened opened = open(it.arrivals, item.event);
    later(0ns, [this, bus = it.bus, listener = it.listener, origin = it.arrivals->origin(item.event), opened] {
      --calls_planned_;
      give(bus, listener, origin, *opened);
    });
  }
}

void Process::give(std::size_t bus, registry::ListenerHandle listener, const Origin& origin, const Arrived& event) {
  if (!event) {
    const std::string why(wire::to_string(event.error()));
    return runners_[bus]->undecodable(origin, {ErrorCode::undecodable, why});
  }
  const auto heard = audiences_[bus].match(listener, event->keys);
  if (heard) hear(*heard->place, event->event, heard->key ? &event->keys[*heard->key] : nullptr, &origin);
}

void Process::deliver_gap(const routing::DeliverGap& it) {
  ++calls_planned_;
  later(0ns, [this, bus = it.bus, listener = it.listener, gap = it.gap] {
    --calls_planned_;
    const auto place = audiences_[bus].any(listener);
    if (!place) return;
    Happening missed{.what = What::gap, .bus = world_.options.buses[bus]};
    missed.name = place->name;
    missed.origin = world_.name_of(DispatchId{gap.publisher, gap.epoch, gap.from});
    missed.error = std::string(to_string(gap.reason));
    world_.note(host_, std::move(missed));
    static_cast<void>(world_.call([&] { runners_[bus]->gap(*place->listener, gap); }));
  });
}

// The end.

void Process::stop() {
  if (std::exchange(stopping_, true)) return;
  stopping_since_ = world_.now();
  for (std::size_t bus = 0; bus < audiences_.size(); ++bus) close(bus);
  core_.leave(now());
  for (const auto& [index, run] : runs_) core_.runs(now(), index, 0);
  stop_turn();
}

/// When nothing runs, the copies stand and the others have what was published, or after a while, it goes.
void Process::stop_turn() {
  const work::Safety safety = core_.safety(synced_);
  bool at_rest = running_.empty() && commit_.empty() && synced_ == written_;
  at_rest = at_rest && (world_.mono || safety.degraded || safety.copies >= safety.wanted);
  for (work::GroupIndex group = 0; group < core_.machine().group_count(); ++group)
    at_rest = at_rest && core_.machine().counts(group).running == 0;
  const nanoseconds waited = world_.now() - stopping_since_;
  if (mesh_ && !mesh_->routing().flushed() && waited < limits::drain + limits::flush_at_stop) {
    at_rest = false;
    for (std::size_t bus = 0; bus < audiences_.size(); ++bus)
      mesh_->ask_reports(world_.now(), bus, mesh_actions_);
    perform_mesh();
  }
  if (at_rest || waited >= limits::drain + limits::flush_at_stop) return say_goodbye();
  later(10ms, [this] { stop_turn(); });
}

void Process::say_goodbye() {
  const bool nothing_runs = running_.empty() && core_.machine().held_back().empty();
  if (nothing_runs) core_.machine().goodbye(commit_);
  flush();
  static_cast<void>(host_.disk.journal->sync());
  send();
  if (mesh_) {
    mesh_->goodbye(world_.now(), false, mesh_actions_);
    perform_mesh();
    world_.network.detach(host_.index, false);
  }
  world_.note(host_, {.what = What::stopped});
  world_.bury(std::move(host_.process));
  end();
}

}  // namespace evmesh::testing
