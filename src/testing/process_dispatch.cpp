#include <algorithm>
#include <functional>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/outgoing_event.hpp"
#include "testing/process.hpp"
#include "wire/digest.hpp"
#include "wire/event_codec.hpp"

// What dispatch does, in the order in which the bus of a node does it.

namespace evmesh::testing {

using namespace std::chrono_literals;

namespace {

/// As a bus: a disk that has not synced by then is broken.
constexpr auto safe_wait = 30s;

tl::unexpected<Error> closed_error(const std::string& bus) {
  return evmesh::fail(ErrorCode::closed, "bus " + base::quoted(bus) + " is closed");
}

}  // namespace

Result<void> Process::usable(std::size_t bus) const {
  if (over_ || closed_.contains(bus)) return closed_error(world_.options.buses[bus]);
  return {};
}

Result<Receipt> Process::dispatch(std::size_t bus, std::span<const KeyedEvent> events) {
  const auto self = shared_from_this();  // a listener may end this process
  if (auto good = usable(bus); !good) return tl::unexpected(good.error());
  const auto done = accept(bus, events);
  if (!done) {
    note(What::refused, bus, events.empty() ? nullptr : &events.front().event, {}, done.error().message);
    return tl::unexpected(done.error());
  }
  if (world_.mono) turn();  // who dispatched it finds its dead letter when it looks
  plan_turn();
  if (!waits_for_disks(*done)) return done->receipt;
  world_.advance([&] { return over_ || is_safe(done->end); }, world_.now() + safe_wait);
  return answer(*done);
}

bool Process::waits_for_disks(const Done& done) const {
  return done.end != 0 && !world_.mono && world_.options.level != Level::memory && !world_.inside_call();
}

bool Process::is_safe(storage::Position end) const {
  return synced_ >= end && (world_.options.level != Level::replicated || core_.safe() >= end);
}

Result<Receipt> Process::answer(const Done& done) const {
  Receipt receipt = done.receipt;
  if (over_ || !is_safe(done.end)) {
    return evmesh::fail(ErrorCode::unknown_outcome,
                        "dispatch " + receipt.dispatch.to_string() +
                            (over_ ? ": the process ended before it was known to be safe"
                                   : ": it was not copied in time; it may have run, and is owed"));
  }
  const work::Safety safety = core_.safety(done.end);
  receipt.copies = safety.copies;
  receipt.degraded = safety.degraded;
  return receipt;
}

Result<void> Process::dispatch_async(std::size_t bus, KeyedEvent event,
                                     std::function<void(Result<Receipt>)> done) {
  if (auto good = usable(bus); !good) return good;
  if (auto checked = rules_.check(event.event, event.keys); !checked) return checked;
  ++calls_planned_;
  later(0ns, [this, bus, event = std::move(event), done = std::move(done)] {
    --calls_planned_;
    const auto tell = [this, done](Result<Receipt> receipt) {
      if (done) call_back("dispatch_async", [&] { done(std::move(receipt)); });
    };
    auto accepted = accept(bus, {&event, 1});
    if (!accepted) {
      note(What::refused, bus, &event.event, {}, accepted.error().message);
      return tell(tl::unexpected(accepted.error()));
    }
    if (accepted->end == 0 || world_.mono || world_.options.level == Level::memory) return tell(accepted->receipt);
    waiters_.push_back({std::move(*accepted), world_.now() + safe_wait, tell});
  });
  return {};
}

void Process::tell_waiters() {
  for (std::deque<Waiter> waiters = std::exchange(waiters_, {}); Waiter & waiter : waiters) {
    if (is_safe(waiter.done.end) || world_.now() >= waiter.until) {
      later(0ns, [tell = std::move(waiter.tell), receipt = answer(waiter.done)] { tell(receipt); });
    } else {
      waiters_.push_back(std::move(waiter));
    }
  }
}

/// Whatever can refuse comes first: a refused event reaches nobody.
Result<Process::Done> Process::accept(std::size_t bus, std::span<const KeyedEvent> events) {
  if (const auto checked = rules_.check(events); !checked) return tl::unexpected(checked.error());
  Done done{Receipt{.noop = true}};
  if (!events.empty()) done.receipt.event_id = events.front().event.id();
  std::vector<KeyedEvent> happened;
  std::vector<Owing> owing;
  for (const KeyedEvent& keyed : events) {
    const auto noop = bus::noop_of(keyed.event);
    if (!noop) return tl::unexpected(noop.error());
    if (*noop) continue;
    happened.push_back({decoders_.decoded(keyed.event), keyed.keys});
    auto owed = owe(bus, happened.back());
    if (!owed) return tl::unexpected(owed.error());
    owing.push_back(std::move(*owed));
  }
  if (happened.empty()) return done;
  if (const auto room = fits(owing); !room) return tl::unexpected(room.error());
  const auto published = publish(bus, happened);
  if (!published) return tl::unexpected(published.error());
  done.receipt.noop = false;
  done.receipt.interested = published->interested;
  done.receipt.seq = published->seq;
  done.receipt.first_seq = published->seq - (mesh_ ? happened.size() - 1 : 0);
  for (std::size_t at = 0; at < happened.size() && !over_; ++at) {
    const auto each = deliver_here(bus, happened[at], done.receipt.first_seq + at, owing[at]);
    if (!each) return tl::unexpected(each.error());
    done.end = std::max(done.end, each->end);
    done.receipt.listeners += each->receipt.listeners;
    done.receipt.groups += each->receipt.groups;
    if (each->receipt.groups > 0) done.receipt.dispatch = each->receipt.dispatch;
  }
  return done;
}

Result<Process::Owing> Process::owe(std::size_t bus, const KeyedEvent& keyed) const {
  Owing owing;
  for (const auto& [group, required] : required_[bus]) owing.groups.push_back(required.index);
  if (owing.groups.empty()) return owing;
  if (!world_.mono && world_.options.level == Level::replicated && world_.options.degraded == Degraded::refuse &&
      core_.degraded()) {
    return evmesh::fail(ErrorCode::back_pressure, "too few nodes are there to keep the copies of level replicated");
  }
  const auto sent = bus::with_payload(keyed.event, world_.options.payload, limits::event_size_bytes_max);
  if (!sent) return tl::unexpected(sent.error());
  auto parcel = std::make_shared<work::Parcel>(work::Parcel{{}, 0, keyed.event, keyed.keys});
  wire::encode_event(*sent, keyed.keys, world_.options.payload, parcel->bytes);
  parcel->size = parcel->bytes.size();
  owing.parcel = std::move(parcel);
  return owing;
}

Result<void> Process::fits(std::span<const Owing> owing) {
  std::uint64_t bytes = 0;
  for (const Owing& each : owing) bytes += each.parcel ? each.parcel->size : 0;
  if (bytes == 0) return {};
  std::vector<work::GroupIndex> refusing;
  for (const auto& groups : required_) {
    for (const auto& [group, required] : groups) {
      const auto& asked = owing.back().groups;
      const bool wanted = required.refuses && std::ranges::find(asked, required.index) != asked.end();
      if (wanted) refusing.push_back(required.index);
    }
  }
  return refusing.empty() ? Result<void>() : core_.machine().fits(refusing, owing.size(), bytes);
}

Result<Process::Published> Process::publish(std::size_t bus, std::span<const KeyedEvent> events) {
  if (depth() > limits::nesting_depth_max) {
    return evmesh::fail(ErrorCode::too_deep, "dispatch inside a listener inside a dispatch, more than " +
                                                 std::to_string(limits::nesting_depth_max) +
                                                 " deep; use dispatch_async to break the chain");
  }
  if (!mesh_) return Published{};
  const auto sent = rules_.measured(events);
  if (!sent) return tl::unexpected(sent.error());
  if (auto open = wait_for_window(bus); !open) return tl::unexpected(open.error());
  Published published;
  routing::PeerMask interested = 0;
  for (const KeyedEvent& keyed : *sent) {
    std::vector<std::uint64_t> hashes;
    for (const RegistrationKey& key : keyed.keys)
      hashes.push_back(wire::interest_hash(world_.options.buses[bus], key.to_string()));
    if (!mesh_->needed(bus, hashes)) {
      published.seq = mesh_->accept(world_.now(), bus, {{}, {}, 0});
      continue;
    }
    const auto encoded = bus::with_payload(keyed.event, world_.options.payload, limits::event_size_bytes_default);
    if (!encoded) return tl::unexpected(encoded.error());
    std::string bytes;
    wire::encode_event(*encoded, keyed.keys, world_.options.payload, bytes);
    const routing::PeerMask wanted = mesh_->match(bus, hashes);
    published.seq = mesh_->accept(world_.now(), bus, {std::move(bytes), std::move(hashes), wanted});
    interested |= wanted;
  }
  published.interested = static_cast<std::uint32_t>(__builtin_popcountll(interested));
  return published;
}

Result<void> Process::wait_for_window(std::size_t bus) {
  const auto open = [&] { return over_ || mesh_->routing().window_open(bus, world_.inside_call()); };
  const auto leave_behind = [&] {
    if (open()) return;
    mesh_->drop_out_of_step(world_.now(), bus, mesh_actions_);
    plan_turn();
  };
  leave_behind();
  if (!open()) {
    plan_turn();
    world_.advance(open, world_.now() + limits::notify_wait);
    leave_behind();
  }
  if (auto good = usable(bus); !good) return good;
  if (open()) return {};
  return evmesh::fail(ErrorCode::back_pressure, "the slowest peer is a window behind; dispatch again later");
}

bool Process::queued(ExecutionMode mode, bool serial) const {
  const DeliveryModel model = world_.options.delivery;
  if (serial || model == DeliveryModel::asynchronous) return true;
  return model == DeliveryModel::mixed && mode == ExecutionMode::asynchronous;
}

/// Whether dispatch makes the first attempt itself.
bool Process::awaited(const GroupRun& run) const {
  if (stopping_ || run.running >= run.options.concurrency) return false;
  if (run.options.placement == Placement::here) return true;
  return world_.mono && !queued(run.mode, false);
}

Result<Process::Done> Process::deliver_here(std::size_t bus, const KeyedEvent& keyed, std::uint64_t seq,
                                            const Owing& owing) {
  const auto heard = audiences_[bus].match(keyed.keys);
  Done done;
  done.receipt.listeners = static_cast<std::uint32_t>(heard.size());
  Claimed claimed;
  if (owing.parcel) {
    const auto accepted = accept_work(bus, owing, keyed.event.id(), claimed);
    if (!accepted) return tl::unexpected(accepted.error());
    done.end = accepted->end;
    done.receipt.dispatch = accepted->id;
    done.receipt.groups = static_cast<std::uint32_t>(owing.groups.size());
  }
  const std::string origin = owing.parcel ? world_.name_of(done.receipt.dispatch)
                                          : world_.name_of(DispatchId{life_.id, life_.epoch, seq});
  note(What::dispatched, bus, &keyed.event, origin);
  for (const Audience::Heard& each : heard) {
    const RegistrationKey* const key = each.key ? &keyed.keys[*each.key] : nullptr;
    if (!queued(each.place->mode, each.place->serial)) {
      if (each.place->open && !over_) hear(*each.place, keyed.event, key, nullptr);
      continue;
    }
    ++calls_planned_;
    later(0ns, [this, place = each.place, event = keyed.event, key = key ? std::optional(*key) : std::nullopt] {
      --calls_planned_;
      if (place->open) hear(*place, event, key ? &*key : nullptr, nullptr);
    });
  }
  for (const auto& [job, run] : claimed) {
    if (!over_) run_claimed(job, run);
  }
  return done;
}

/// Takes on what is owed; what this dispatch runs itself goes into `claimed`.
Result<work::Accepted> Process::accept_work(std::size_t bus, const Owing& owing, const EventId& event,
                                            Claimed& claimed) {
  work::Acceptance acceptance;
  acceptance.bus = world_.options.buses[bus];
  acceptance.event_id = event;
  acceptance.event = owing.parcel;
  acceptance.time = world_.wall();
  acceptance.groups = owing.groups;
  for (const work::GroupIndex group : owing.groups) {
    const auto run = runs_.find(group);
    if (run != runs_.end() && awaited(*run->second)) acceptance.claimed.push_back(group);
  }
  auto accepted = core_.machine().accept(acceptance, commit_);
  if (!accepted || acceptance.claimed.empty()) return accepted;
  flush();  // before it runs
  for (std::size_t at = 0; at < acceptance.claimed.size(); ++at) {
    if (accepted->claimed[at] == 0) continue;
    work::Job job;
    job.handle = accepted->claimed[at];
    job.id = accepted->id;
    job.group = acceptance.claimed[at];
    job.event = owing.parcel;
    claimed.emplace_back(std::move(job), runs_.at(acceptance.claimed[at]));
  }
  return accepted;
}

SeenBy Process::wait_seen(std::size_t bus, const Receipt& receipt, std::chrono::milliseconds timeout) {
  SeenBy seen;
  if (!mesh_ || receipt.noop) return seen;
  const auto self = shared_from_this();
  const MonoTime began = world_.now();
  std::map<NodeId, SeenBy::Peer> peers;
  const auto look = [&] {
    bool all = true;
    for (const auto& entry : mesh_->routing().seen(bus, receipt.first_seq, receipt.seq)) {
      auto [found, fresh] = peers.try_emplace(entry.life.id);
      SeenBy::Peer& peer = found->second;
      if (fresh) peer = {entry.life.id, mesh_->name_of(entry.life.id), false, {}};
      if (entry.seen && !peer.seen)
        peer.after = std::chrono::duration_cast<std::chrono::microseconds>(world_.now() - began);
      peer.seen = peer.seen || entry.seen;
      all = all && peer.seen;
    }
    return all || over_;
  };
  while (!look() && world_.now() < began + timeout && !world_.inside_call()) {
    mesh_->ask_reports(world_.now(), bus, mesh_actions_);
    plan_turn();
    world_.advance(look, std::min<MonoTime>(world_.now() + 100ms, began + timeout));
  }
  for (auto& [id, peer] : peers) seen.peers.push_back(std::move(peer));
  std::ranges::sort(seen.peers, {}, &SeenBy::Peer::name);
  return seen;
}

Result<void> Process::redeliver(std::size_t bus, const Group& group, const Event& event) {
  const auto self = shared_from_this();
  if (auto good = usable(bus); !good) return good;
  if (auto checked = rules_.check(event, {}); !checked) return checked;
  const auto noop = bus::noop_of(event);
  if (!noop) return tl::unexpected(noop.error());
  const auto required = required_[bus].find(group);
  if (required == required_[bus].end()) {
    return evmesh::fail(ErrorCode::unknown_group, "nobody runs group " + base::quoted(group.to_string()) +
                                                      " on bus " + base::quoted(world_.options.buses[bus]) +
                                                      "; register its listener first");
  }
  if (*noop) return {};
  auto owing = owe(bus, {decoders_.decoded(event), {}});
  if (!owing) return tl::unexpected(owing.error());
  owing->groups = {required->second.index};
  Claimed claimed;
  const auto accepted = accept_work(bus, *owing, event.id(), claimed);
  if (!accepted) return tl::unexpected(accepted.error());
  for (const auto& [job, run] : claimed) {
    if (!over_) run_claimed(job, run);
  }
  if (world_.mono) turn();
  plan_turn();
  return {};
}

Result<void> Process::redeliver(const bus::Letter& letter) {
  const auto index = core_.machine().find(letter.bus, *Group::parse(letter.group));
  if (!index) return evmesh::fail(ErrorCode::unknown_group, "group " + base::quoted(letter.group) + " is not known");
  work::Acceptance acceptance;
  acceptance.bus = letter.bus;
  acceptance.event_id = letter.event_id;
  acceptance.event = work::parcel_of(letter.event);
  acceptance.time = world_.wall();
  acceptance.groups = {*index};
  const auto again = core_.machine().redeliver(
      {letter.id, letter.dispatch, letter.generation, letter.attempts, letter.doubt}, acceptance, commit_);
  plan_turn();
  return again ? Result<void>() : tl::unexpected(again.error());
}

}  // namespace evmesh::testing
