#include "process.hpp"

#include <algorithm>
#include <functional>

#include "base/limits.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kind_at = 3;
wire::Kind kind_of(const std::string& bytes) { return static_cast<wire::Kind>(bytes[kind_at]); }

wire::Buffer buffer(const Bytes& bytes) { return {bytes, *bytes}; }

bus::CoreOptions options_of(const Stage& stage, const Process::Setup& setup) {
  bus::CoreOptions options;
  options.seed = setup.random_seed;
  auto& membership = options.membership;
  membership.self = setup.life;
  membership.name = "n" + std::to_string(setup.host);
  membership.cluster = "sim";
  membership.mode = setup.mode;
  membership.work_endpoint = Network::work_endpoint(setup.host);
  membership.publish_endpoint = Network::publish_endpoint(setup.host);
  for (const Host seed : setup.seeds) membership.seeds.push_back(Network::work_endpoint(seed));
  membership.timings.redial_max = stage.plan.redial_max;
  membership.transient = setup.transient;
  membership.timings.transient_forget = stage.plan.transient_forget;
  auto& routing = options.routing;
  routing.self = setup.life;
  routing.mode = setup.mode;
  // Every host has its buses in another order, so that numbers must be translated.
  for (std::size_t bus = 0; bus < stage.plan.buses; ++bus) {
    routing.buses.push_back(stage.buses[bus_of(stage, setup.host, bus)]);
  }
  membership.buses = routing.buses;
  routing.ring_bytes_max = stage.plan.ring_bytes;
  routing.window_bytes = stage.plan.window_bytes;
  routing.held_bytes_max = stage.plan.held_bytes;
  return options;
}

}  // namespace

std::size_t bus_of(const Stage& stage, Host host, std::size_t number) { return (number + host) % stage.plan.buses; }
std::size_t number_of(const Stage& stage, Host host, std::size_t bus) {
  return (bus + stage.plan.buses - host % stage.plan.buses) % stage.plan.buses;
}

Process::Process(Stage& stage, Setup setup)
    : stage_(stage), setup_(std::move(setup)), first_life_(setup_.life), registries_(stage.plan.buses, registry::Registry{1'000}),
      core_(options_of(stage, setup_), *this), last_turn_(stage.timeline.now()), resumed_at_(stage.timeline.now()) {
  stage_.ledger.begins(life(), setup_.transient);
}

Process::~Process() { *alive_ = false; }

void Process::start() {
  core_.start(stage_.timeline.now(), actions_);
  perform();
  plan_turn();
  stage_.timeline.after(3s, [this, alive = alive_] {
    if (!*alive || core_.joined()) return;
    stage_.totals.add("join_timeout");
    core_.stop_waiting();
  });
}

void Process::end(bool said_goodbye) {
  for (const auto& [name, value] : core_.counters()) stage_.totals.add(name, value);
  stage_.ledger.ends(life(), said_goodbye);
}

// Turns.

void Process::arrive(Input input) {
  inbox_.push_back(std::move(input));
  plan_turn();
}

void Process::plan_turn() {
  if (paused_ || std::exchange(turn_planned_, true)) return;
  stage_.timeline.at(last_turn_ + setup_.turn_pause, [this, alive = alive_] {
    if (!*alive) return;
    turn_planned_ = false;
    if (!paused_) turn();
  });
}

void Process::turn() {
  const MonoTime now = stage_.timeline.now();
  idle_turns_ = now == last_turn_ && inbox_.empty() ? idle_turns_ + 1 : 0;
  if (idle_turns_ > 100) throw Violation{"I-f", name(life()) + " is due again and again at the same time"};
  last_turn_ = now;
  for (std::size_t taken = 0; !inbox_.empty() && taken < setup_.turn_inputs; ++taken) {
    const Input input = std::move(inbox_.front());
    inbox_.pop_front();
    take(input);
    perform();
  }
  if (core_.next_deadline() <= now) {
    core_.tick(now, actions_);
    perform();
  }
  try_waiting();
  core_.pump(now, *this, actions_);
  perform();
  check_bounds();
  if (!inbox_.empty()) plan_turn();
  const MonoTime due = core_.next_deadline();
  if (due == MonoTime::max() || (due >= wake_at_ && wake_at_ > now)) return;
  wake_at_ = due;
  stage_.timeline.at(due, [this, alive = alive_, due] {
    if (*alive && wake_at_ == due) plan_turn();
  });
}

void Process::pause() {
  paused_ = true;
  paused_at_ = stage_.timeline.now();
}

void Process::resume() {
  if (!std::exchange(paused_, false)) return;
  resumed_at_ = stage_.timeline.now();
  paused_for_ += resumed_at_ - paused_at_;
  if (stage_.trace.on()) stage_.trace.line(host(), "resumed");
  plan_turn();
}

void Process::hurry() {
  setup_.turn_pause = 0ms;
  setup_.turn_inputs = 256;
}

MonoTime Process::heard(const Life& peer) const {
  const auto found = taken_at_.find(peer);
  return found == taken_at_.end() ? MonoTime{} : found->second;
}

MonoTime Process::running_time() const { return (paused_ ? paused_at_ : stage_.timeline.now()) - paused_for_; }

namespace {

/// Whose frame it is, and whether it is for us.
struct Addresses {
  Life from;
  Life to;
};

std::optional<Addresses> addresses(const std::string& bytes) {
  wire::Header header;
  if (!wire::decode(bytes, &header)) return std::nullopt;
  return Addresses{{header.from, header.from_epoch}, {header.to, header.to_epoch}};
}

}  // namespace

void Process::hear(const Bytes& bytes, bool published) {
  const auto who = addresses(*bytes);
  if (!who || (!published && who->to != life())) return;
  heard_at_[who->from] = running_time();
  if (!published) taken_at_[who->from] = stage_.timeline.now();
  acknowledgement_came_ = acknowledgement_came_ || kind_of(*bytes) == wire::Kind::announce_ack;
}

void Process::take(const Input& input) {
  const MonoTime now = stage_.timeline.now();
  const Trace& trace = stage_.trace;
  if (const auto* router = std::get_if<RouterFrame>(&input)) {
    if (trace.on()) trace.line(host(), "takes " + router->from + " " + describe(*router->bytes));
    hear(router->bytes, false);
    core_.on_router(now, router->from, buffer(router->bytes), actions_);
  } else if (const auto* answer = std::get_if<AnswerFrame>(&input)) {
    if (trace.on()) trace.line(host(), "answered on " + std::to_string(answer->link) + " " + describe(*answer->bytes));
    core_.on_answer(now, answer->link, buffer(answer->bytes), actions_);
  } else if (const auto* published = std::get_if<PublishedFrame>(&input)) {
    if (trace.on()) trace.line(host(), "reads published " + describe(*published->bytes));
    if (published->outstanding) --*published->outstanding;
    hear(published->bytes, true);
    core_.on_published(now, buffer(published->bytes), actions_);
  } else if (const auto* follower = std::get_if<FollowerChange>(&input)) {
    if (trace.on()) trace.line(host(), name(follower->follower) + (follower->active ? " follows" : " follows no more"));
    core_.on_follower(now, follower->follower, follower->active, actions_);
  } else if (const auto* link = std::get_if<LinkChange>(&input)) {
    constexpr std::string_view words[] = {"connected", "disconnected", "refused"};
    if (trace.on()) {
      trace.line(host(), "link " + std::to_string(link->link) + " " + std::string(words[static_cast<int>(link->event)]));
    }
    core_.on_link(now, link->link, link->event, actions_);
  }
}

// Actions.

void Process::perform() {
  if (std::exchange(acknowledgement_came_, false)) look_at_receipts();
  actions_max_ = std::max(actions_max_, actions_.size());
  for (bus::CoreAction& action : std::exchange(actions_, {})) perform(action);
}

void Process::perform(bus::CoreAction& action) {
  Network& network = stage_.network;
  std::visit(
      [&](auto& it) {
        using It = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<It, bus::SendOnLink>) {
          look_at_sent(it.bytes);
          if (stage_.trace.on()) stage_.trace.line(host(), "  sends on " + std::to_string(it.link) + " " + describe(it.bytes));
          network.send(host(), it.link, it.frame_class, std::make_shared<const std::string>(std::move(it.bytes)));
        } else if constexpr (std::is_same_v<It, bus::AnswerOn>) {
          if (stage_.trace.on()) stage_.trace.line(host(), "  answers " + it.connection + " " + describe(it.bytes));
          network.answer(host(), it.connection, std::make_shared<const std::string>(std::move(it.bytes)));
        } else if constexpr (std::is_same_v<It, routing::PublishFrame>) {
          if (stage_.trace.on()) stage_.trace.line(host(), "  publishes " + describe(it.bytes));
          network.publish(host(), std::make_shared<const std::string>(std::move(it.bytes)));
        } else if constexpr (std::is_same_v<It, routing::Deliver>) {
          deliver(it);
        } else if constexpr (std::is_same_v<It, routing::DeliverGap>) {
          if (stage_.trace.on()) trace_gap(it);
          stage_.ledger.gap(life(), bus_of(stage_, host(), it.bus), it.listener, it.gap);
        } else if constexpr (std::is_same_v<It, membership::Dial>) {
          if (stage_.trace.on()) stage_.trace.line(host(), "  dials " + it.endpoint + " as " + std::to_string(it.link));
          network.dial(host(), it.link, it.endpoint);
        } else if constexpr (std::is_same_v<It, membership::HangUp>) {
          if (stage_.trace.on()) stage_.trace.line(host(), "  hangs up " + std::to_string(it.link));
          network.hang_up(host(), it.link);
        } else if constexpr (std::is_same_v<It, membership::Follow>) {
          network.follow(host(), it.publish_endpoint);
        } else if constexpr (std::is_same_v<It, membership::Unfollow>) {
          network.unfollow(host(), it.publish_endpoint);
        } else if constexpr (std::is_same_v<It, membership::Fatal>) {
          fail(it.error);
        } else if constexpr (std::is_same_v<It, membership::RaiseEpoch>) {
          go_on_as(it.epoch);
        } else if constexpr (std::is_same_v<It, membership::Note>) {
          note(it);
        } else {
          // Group work has a simulator of its own; here nobody does any.
          static_assert(std::is_same_v<It, routing::Progress> || std::is_same_v<It, bus::WorkMemberUp> ||
                        std::is_same_v<It, bus::WorkMemberDown> || std::is_same_v<It, bus::WorkLifeEnded> ||
                        std::is_same_v<It, membership::Gone> ||
                        std::is_same_v<It, bus::WorkFrame>);
        }
      },
      action);
}

void Process::fail(const Error& error) {
  if (!stage_.ledger.forgotten(life().id)) throw Violation{"I-a", name(life()) + " failed: " + error.message};
  if (std::exchange(removed_, true)) return;
  if (stage_.trace.on()) stage_.trace.line(host(), "  learns that it was forgotten");
  stage_.totals.add("forgotten_while_it_lived");
  setup_.on_removed();
}

void Process::go_on_as(std::uint64_t epoch) {
  const Life before = life();
  setup_.life.epoch = epoch;
  if (stage_.trace.on()) stage_.trace.line(host(), "  goes on as " + name(life()));
  std::vector<std::uint64_t> heads(stage_.plan.buses);
  for (std::size_t bus = 0; bus < heads.size(); ++bus) {
    heads[bus_of(stage_, host(), bus)] = core_.routing().outbound(bus).head();
  }
  stage_.ledger.goes_on(before, life(), heads);
  stage_.network.rename(host(), life());
  stage_.totals.add("went_on_as_later_life");
}

void Process::deliver(const routing::Deliver& it) {
  for (const routing::Deliver::Item& item : it.items) deliver(it, item);
}

void Process::deliver(const routing::Deliver& it, const routing::Deliver::Item& item) {
  const Origin origin = it.arrivals->origin(item.event);
  std::optional<unsigned> key;
  if (item.key) {
    const auto found = std::ranges::find(stage_.keys, it.arrivals->keys(item.event)[*item.key], &RegistrationKey::to_string);
    key = static_cast<unsigned>(found - stage_.keys.begin());
  }
  if (stage_.trace.on()) {
    stage_.trace.line(host(), "  gives listener " + std::to_string(it.listener) + " number " + std::to_string(origin.seq) +
                                  " of " + name({origin.publisher, origin.epoch}));
  }
  stage_.ledger.delivered(life(), bus_of(stage_, host(), it.bus), it.listener, origin,
                          it.arrivals->events()[item.event].bytes, key);
}

void Process::trace_gap(const routing::DeliverGap& it) const {
  stage_.trace.line(host(), "  gives listener " + std::to_string(it.listener) + " a gap of " +
                                name({it.gap.publisher, it.gap.epoch}) + " [" + std::to_string(it.gap.from) + ", " +
                                (it.gap.to ? std::to_string(*it.gap.to) : "end") + "] " +
                                std::string(to_string(it.gap.reason)));
}

void Process::look_at_sent(const std::string& bytes) {
  const wire::Kind kind = kind_of(bytes);
  if (kind == wire::Kind::announce_request) stage_.totals.add("whole_set_requested");
  if (kind != wire::Kind::announce_ack && kind != wire::Kind::subscribe) return;
  const auto frame = wire::decode(bytes);
  const Life to{frame->header.to, frame->header.to_epoch};
  if (const auto* subscribe = std::get_if<wire::Subscribe>(&frame->body)) {
    stage_.ledger.meets(life(), to, *subscribe, bus_of(stage_, to.id.bytes[15], subscribe->bus));
    return;
  }
  auto ack = std::get<wire::AnnounceAck>(frame->body);
  for (auto& position : ack.positions) {
    position.bus = static_cast<std::uint16_t>(bus_of(stage_, host(), position.bus));
  }
  stage_.ledger.acknowledges(life(), to, ack);
}

void Process::look_at_receipts() {
  for (const Registration& registration : registrations_) {
    const std::size_t number = number_of(stage_, host(), registration.bus);
    for (const auto& ack : core_.routing().acknowledged(number, registration.version)) {
      stage_.ledger.receipt(life(), registration.handle, ack.life, ack.seq);
    }
    if (complete_.contains(registration.handle) || !core_.routing().unacknowledged(registration.version).empty()) continue;
    complete_.insert(registration.handle);
    for (const Member& member : core_.members(stage_.timeline.now())) {
      const Life peer{member.id, member.epoch};
      if (member.self || member.state != MemberState::alive) continue;
      if (stage_.ledger.has_receipt(life(), registration.handle, peer)) continue;
      throw Violation{"I-e", name(life()) + " completed the receipt of version " + std::to_string(registration.version) +
                                 " without " + name(peer)};
    }
  }
}

void Process::note(const membership::Note& note) {
  Totals& totals = stage_.totals;
  std::string words = "  notes " + note.message;
  Life peer;
  for (const auto& [field, value] : note.fields) {
    words += " " + field + "=" + value;
    if (field == "node") peer.id = NodeId::parse(value).value_or(NodeId{});
  }
  if (stage_.trace.on()) stage_.trace.line(host(), words);
  totals.add("note_" + note.message);
  if (note.message == "own_pause") totals.add("own_pause_corrected");
  if (note.message == "life_replaced") totals.add("epoch_replaced");
  if (note.message == "member_dead") {
    dead_.insert(peer.id);
    for (const Member& member : core_.members(stage_.timeline.now())) {
      if (member.id == peer.id) peer.epoch = member.epoch;
    }
    // A pause may count as the silence of one heartbeat.
    const nanoseconds least = words.find("reason=silent") == std::string::npos ? 400ms : 1'500ms;
    const auto at = heard_at_.find(peer);
    if (at != heard_at_.end() && running_time() - at->second < least) {
      throw Violation{"I-a", name(life()) + " takes " + name(peer) + " for dead, which it heard " +
                                 std::to_string((running_time() - at->second) / 1ms) + " ms ago"};
    }
  }
  if (note.message == "member_stopped" || note.message == "life_replaced") dead_.erase(peer.id);
  if (note.message == "member_up" && dead_.erase(peer.id) > 0) totals.add("up_after_dead");
}

void Process::check_bounds() {
  const routing::Routing& routing = core_.routing();
  const std::uint64_t frame = limits::packed_message_bytes_max + stage_.plan.payload_max;
  for (std::size_t bus = 0; bus < stage_.plan.buses; ++bus) {
    const routing::Ring& ring = routing.outbound(bus).ring();
    if (ring.bytes() > stage_.plan.ring_bytes && ring.size() > 1) {
      throw Violation{"I-f", name(life()) + " holds " + std::to_string(ring.bytes()) + " bytes in a ring"};
    }
    stage_.ledger.ring_begins(life(), bus_of(stage_, host(), bus), ring.first());
  }
  for (const auto& view : routing.inbound_views()) {
    if (view.held_bytes > 0) stage_.totals.add("hold_until_ack");
    if (view.early_bytes <= stage_.plan.held_bytes + frame && view.held_bytes <= stage_.plan.held_bytes + frame) continue;
    throw Violation{"I-f", name(life()) + " holds " + std::to_string(view.early_bytes) + " early bytes and " +
                               std::to_string(view.held_bytes) + " for one listener of " + name(view.publisher)};
  }
  if (actions_max_ > 20'000) throw Violation{"I-f", name(life()) + " did " + std::to_string(actions_max_) + " things at once"};
}

}  // namespace evmesh::sim
