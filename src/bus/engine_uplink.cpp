#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "bus/engine.hpp"
#include "bus/outgoing_event.hpp"
#include "wire/event_codec.hpp"

// What buses ask of the engine.

namespace evmesh::bus {

namespace {

// Reports are asked for again at this pace while somebody waits for them.
constexpr std::chrono::milliseconds ask_again{100};

// Of what a thread keeps for its next dispatch.
constexpr std::size_t kept_bytes_max = 64 * limits::kib;
constexpr std::size_t kept_events_max = 64;

/// Where a thread encodes what it dispatches: memory that it has used before.
class Scratch {
 public:
  Scratch() : events(std::exchange(kept(), {})) {}  // a body's own code may dispatch, too
  ~Scratch() {
    if (events.size() > kept_events_max) return;
    for (Encoded& event : events) {
      if (event.bytes.capacity() > kept_bytes_max) event.bytes = {};
    }
    kept() = std::move(events);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::vector<Encoded> events;

 private:
  static std::vector<Encoded>& kept() {
    static thread_local std::vector<Encoded> kept;
    return kept;
  }
};

void hash_keys(const std::string& bus, std::span<const RegistrationKey> keys, std::vector<std::uint64_t>& hashes) {
  hashes.clear();
  for (const RegistrationKey& key : keys) hashes.push_back(wire::interest_hash(bus, key.to_string()));
}

}  // namespace

class Engine::BusUplink final : public Uplink {
 public:
  BusUplink(Engine& engine, std::size_t bus) : engine_(engine), bus_(bus) {}

  [[nodiscard]] Result<Published> publish(std::span<const Outgoing> events, bool inside_listener,
                                          std::span<std::uint32_t> each) override {
    return engine_.publish({bus_, events, inside_listener}, each);
  }
  std::uint64_t change_interest(const std::function<InterestChange(std::uint64_t)>& apply) override {
    return engine_.change_interest(bus_, apply);
  }
  [[nodiscard]] RegistrationReceipt acknowledged(std::uint64_t version, MonoTime since,
                                                 std::chrono::milliseconds timeout) override {
    return engine_.acknowledged(bus_, version, since, timeout);
  }
  [[nodiscard]] SeenBy wait_seen(std::uint64_t first, std::uint64_t last, std::chrono::milliseconds timeout) override {
    return engine_.wait_seen(bus_, first, last, timeout);
  }
  [[nodiscard]] Result<void> usable() const override { return engine_.usable_now(); }

 private:
  Engine& engine_;
  const std::size_t bus_;
};

std::unique_ptr<Uplink> Engine::uplink(std::size_t bus) { return std::make_unique<BusUplink>(*this, bus); }

Result<void> Engine::usable() const {
  if (failure_) return tl::unexpected(*failure_);
  if (said_goodbye_) return fail(ErrorCode::closed, "the node was stopped");
  return {};
}

Result<void> Engine::encode(const Uplink::Outgoing& event, std::string& bytes) const {
  std::optional<Event> made;
  const auto encoded = with_payload(*event.event, options_.payload, options_.event_size_bytes_max, made);
  if (!encoded) return tl::unexpected(encoded.error());
  wire::encode_event(**encoded, event.keys, options_.payload, bytes);
  if (bytes.size() <= options_.event_size_bytes_max + limits::event_envelope_bytes_max) return {};
  return fail(ErrorCode::event_too_large, "event " + event.event->id().to_string() + " takes " +
                                              std::to_string(bytes.size()) + " bytes encoded, over the limit of " +
                                              std::to_string(options_.event_size_bytes_max));
}

/// Which of `events` somebody needs and have no bytes yet.
std::vector<std::size_t> Engine::unencoded(std::size_t bus, std::span<const Encoded> events) const {
  std::vector<std::size_t> missing;
  for (std::size_t index = 0; index < events.size(); ++index) {
    if (events[index].bytes.empty() && intake_.needed(bus, events[index].hashes)) missing.push_back(index);
  }
  return missing;
}

/// Ends with `taking` held, and `lock` where the window had to be waited for, so that nobody else is let in on it.
/// What peers want may change whenever neither is held: what it wants from its acknowledgement on must not be skipped.
Result<void> Engine::prepare(Lock& lock, Intake::Lock& taking, const Publication& what, std::span<Encoded> ready) {
  for (;;) {
    const auto missing = unencoded(what.bus, ready);
    if (missing.empty()) {
      if (lock || (!intake_.closed() && intake_.room(what.bus))) return {};
      taking.unlock();
      lock.lock();
      if (auto good = wait_for_window(lock, what.bus, what.inside_listener); !good) return good;
      taking.lock();
      continue;
    }
    // Without a lock: it is the long part, and a body's own code.
    taking.unlock();
    if (lock) lock.unlock();
    for (const std::size_t index : missing) {
      if (auto good = encode(what.events[index], ready[index].bytes); !good) return good;
    }
    taking.lock();
  }
}

Result<Uplink::Published> Engine::publish(const Publication& what, std::span<std::uint32_t> each) {
  Scratch scratch;
  if (scratch.events.size() < what.events.size()) scratch.events.resize(what.events.size());
  const std::span ready = std::span(scratch.events).first(what.events.size());
  const std::string& name = options_.core.routing.buses[what.bus];
  for (std::size_t index = 0; index < ready.size(); ++index) {
    ready[index].bytes.clear();
    hash_keys(name, what.events[index].keys, ready[index].hashes);
  }
  Lock lock(mutex_, std::defer_lock);
  Intake::Lock taking = intake_.lock_up();
  if (auto good = prepare(lock, taking, what, ready); !good) return tl::unexpected(std::move(good.error()));
  Uplink::Published published;
  routing::PeerMask interested = 0;
  for (std::size_t index = 0; index < ready.size(); ++index) {
    const auto added = intake_.add(what.bus, ready[index].bytes, ready[index].hashes);
    published.seq = added.seq;
    interested |= added.interested;
    if (!each.empty()) each[index] = static_cast<std::uint32_t>(std::popcount(added.interested));
  }
  published.interested = static_cast<std::uint32_t>(std::popcount(interested));
  const bool call = intake_.call_engine();
  taking.unlock();
  if (call && !lock) lock.lock();
  if (call) take_up(lock);
  return published;
}

Result<void> Engine::wait_for_window(Lock& lock, std::size_t bus, bool inside_listener) {
  const auto open = [&] {
    intake_.drain(clock_.now());
    return core_.routing().window_open(bus, inside_listener);
  };
  if (auto good = usable(); !good || open()) return good;
  const auto leave_behind = [&] {
    if (open()) return;
    core_.drop_out_of_step(clock_.now(), bus, actions_);
    perform();
  };
  leave_behind();
  if (!open() && !inside_listener && options_.notify_wait.count() > 0) {
    hand_over(lock);
    progress_.wait_for(lock, options_.notify_wait, [&] { return open() || failure_ || said_goodbye_; });
    leave_behind();
  }
  if (auto good = usable(); !good) return good;
  if (open()) return {};
  return fail(ErrorCode::back_pressure, "the slowest peer is " + std::to_string(options_.core.routing.window_bytes) +
                                            " bytes behind; dispatch again later");
}

std::uint64_t Engine::change_interest(std::size_t bus,
                                      const std::function<Uplink::InterestChange(std::uint64_t)>& apply) {
  Lock lock(mutex_);
  const std::uint64_t version = core_.routing().announcement_version() + 1;
  const Uplink::InterestChange change = apply(version);
  core_.change_interest(bus, change.added, change.removed, change.each_node);
  if (usable()) hand_over(lock);
  return version;
}

Result<void> Engine::usable_now() const {
  if (!ended_) return {};
  const Lock lock(mutex_);
  return usable();
}

RegistrationReceipt Engine::acknowledged(std::size_t bus, std::uint64_t version, MonoTime since,
                                         std::chrono::milliseconds timeout) {
  Lock lock(mutex_);
  const auto complete = [&] { return core_.routing().unacknowledged(version).empty() || failure_ || said_goodbye_; };
  if (timeout.count() > 0) progress_.wait_for(lock, timeout, complete);
  RegistrationReceipt receipt;
  receipt.failure = failure_;
  for (const auto& ack : core_.routing().acknowledged(bus, version)) {
    receipt.acknowledged.push_back({ack.life.id, core_.name_of(ack.life.id), ack.seq});
    receipt.elapsed = std::max(receipt.elapsed, std::chrono::duration_cast<std::chrono::microseconds>(ack.at - since));
  }
  for (const Life& life : core_.routing().unacknowledged(version)) receipt.missing.push_back(core_.name_of(life.id));
  std::sort(receipt.missing.begin(), receipt.missing.end());
  return receipt;
}

SeenBy Engine::wait_seen(std::size_t bus, std::uint64_t first, std::uint64_t last, std::chrono::milliseconds timeout) {
  const MonoTime began = clock_.now();
  std::map<NodeId, SeenBy::Peer> peers;
  Lock lock(mutex_);
  intake_.drain(began);
  bool all = false;
  while (!all) {
    all = true;
    for (const auto& entry : core_.routing().seen(bus, first, last)) {
      SeenBy::Peer& peer = peers.try_emplace(entry.life.id, SeenBy::Peer{entry.life.id, core_.name_of(entry.life.id), false, {}})
                               .first->second;
      if (entry.seen && !peer.seen) peer.after = std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - began);
      peer.seen = peer.seen || entry.seen;
      all = all && peer.seen;
    }
    if (all || !usable() || clock_.now() >= began + timeout) break;
    core_.ask_reports(clock_.now(), bus, actions_);
    perform();
    hand_over(lock);
    progress_.wait_for(lock, std::min(ask_again, timeout));
  }
  SeenBy seen;
  seen.failure = failure_;
  for (auto& [id, peer] : peers) seen.peers.push_back(std::move(peer));
  std::sort(seen.peers.begin(), seen.peers.end(), [](const auto& left, const auto& right) { return left.name < right.name; });
  return seen;
}

Result<void> Engine::forget(std::string_view member) {
  Lock lock(mutex_);
  if (auto good = usable(); !good) return good;
  auto result = core_.forget(clock_.now(), member, actions_);
  perform();
  hand_over(lock);
  return result;
}

void Engine::describe(NodeStatus& status) {
  const Lock lock(mutex_);
  intake_.drain(clock_.now());
  const routing::Routing& routing = core_.routing();
  status.failed = failure_.has_value();
  if (failure_) status.failure = failure_->message;
  status.epoch = core_.self().epoch;
  status.members = core_.members(clock_.now());
  for (const auto& view : routing.inbound_views()) {
    status.inbound.push_back({view.publisher.id, core_.name_of(view.publisher.id), view.publisher.epoch,
                              options_.core.routing.buses[view.bus], view.through, view.head});
  }
  for (std::size_t bus = 0; bus < downlinks_.size(); ++bus) {
    const std::string& name = options_.core.routing.buses[bus];
    status.heads[name] = routing.outbound(bus).head();
    for (const Member& member : status.members) {
      const auto view = routing.outbound(bus).view({member.id, member.epoch});
      if (view) status.outbound.push_back({member.id, member.name, name, view->through, view->in_step});
    }
  }
  for (const auto& [name, value] : core_.counters()) status.counters[name] += value;
  for (const auto& [name, value] : transport_->counters()) status.counters[name] += value;
}

std::vector<std::string> Engine::interested(std::size_t bus, std::string_view key) const {
  const Lock lock(mutex_);
  std::vector<std::string> names;
  for (const Life& life : core_.routing().interested(bus, wire::interest_hash(options_.core.routing.buses[bus], key))) {
    names.push_back(core_.name_of(life.id));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace evmesh::bus
