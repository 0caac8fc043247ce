#include <algorithm>
#include <functional>

#include "process.hpp"
#include "wire/event_codec.hpp"

// What a node's application does: listeners come and go, events are dispatched, the node stops.

namespace evmesh::sim {

using namespace std::chrono_literals;

namespace {

Event make_event(const Life& life, const Pending& pending) {
  EventFields fields;
  for (std::size_t byte = 0; byte < 8; ++byte) {
    fields.id.bytes[byte] = static_cast<std::uint8_t>(pending.number >> (8 * byte));
  }
  fields.id.bytes[15] = 1;
  fields.type = "Made";
  fields.user = "n" + std::to_string(life.id.bytes[15]);
  fields.time = Timestamp{std::chrono::seconds{1}};
  fields.payload.assign(pending.payload, static_cast<char>('a' + pending.number % 26));
  return Event(std::move(fields));
}

}  // namespace

void Process::match(std::size_t bus, std::span<const std::string_view> keys, std::vector<routing::Match>& out) const {
  registry::Matches matches;
  registries_[bus].match_with_each_node(keys, matches);
  for (const registry::Match& match : matches) {
    const auto key = match.key == registry::no_key ? std::nullopt : std::optional(match.key);
    out.push_back({match.listener, match.version, key});
  }
}

void Process::everyone(std::size_t number, std::vector<routing::Match>& out) const {
  std::map<std::uint64_t, std::uint64_t> oldest;
  for (const Registration& registration : registrations_) {
    if (registration.bus != bus_of(stage_, host(), number)) continue;
    const auto [entry, fresh] = oldest.try_emplace(registration.listener, registration.version);
    entry->second = std::min(entry->second, registration.version);
  }
  for (const auto& [listener, version] : oldest) out.push_back({listener, version, std::nullopt});
}

std::uint64_t Process::room_bytes(LinkId link, Class frame_class) const {
  return stage_.network.room_bytes(host(), link, frame_class);
}

std::uint64_t Process::add(std::uint64_t listener, std::size_t bus, KeySet keys, bool everything) {
  const std::size_t number = number_of(stage_, host(), bus);
  const std::uint64_t version = core_.routing().announcement_version() + 1;
  const Registration registration{++last_handle_, listener, bus, keys, everything, version};
  registry::Registry& registry = registries_[number];
  const registry::Entry entry{registration.handle, listener, version, {}};
  std::vector<RegistrationKey> added;
  for (unsigned key = 0; key < stage_.keys.size(); ++key) {
    const bool wanted = (keys & (KeySet{1} << key)) != 0;
    if (wanted && registry.add(stage_.keys[key], entry).value_or(false)) added.push_back(stage_.keys[key]);
  }
  const bool first = everything && registry.add_each_node(entry);
  registrations_.push_back(registration);
  stage_.ledger.registers(life(), registration);
  core_.change_interest(number, added, {}, first ? std::optional(true) : std::nullopt);
  if (stage_.trace.on()) {
    stage_.trace.line(host(), "registers " + std::to_string(registration.handle) + " for listener " + std::to_string(listener) +
                                  " bus " + std::to_string(bus) + " keys " + std::to_string(keys) +
                                  (everything ? " each-node" : "") + " version " + std::to_string(version));
  }
  look_at_receipts();
  plan_turn();
  return registration.handle;
}

void Process::remove(std::uint64_t handle) {
  const auto found = std::ranges::find(registrations_, handle, &Registration::handle);
  const Registration registration = *found;
  const std::size_t number = number_of(stage_, host(), registration.bus);
  registry::Registry& registry = registries_[number];
  std::vector<RegistrationKey> removed;
  for (unsigned key = 0; key < stage_.keys.size(); ++key) {
    const bool wanted = (registration.keys & (KeySet{1} << key)) != 0;
    if (wanted && registry.remove(stage_.keys[key], handle)) removed.push_back(stage_.keys[key]);
  }
  const bool last = registration.everything && registry.remove_each_node(handle);
  registrations_.erase(found);
  stage_.ledger.unregisters(life(), handle);
  core_.change_interest(number, {}, removed, last ? std::optional(false) : std::nullopt);
  if (stage_.trace.on()) stage_.trace.line(host(), "unregisters " + std::to_string(handle));
  plan_turn();
}

bool Process::forget(Dice& dice) {
  std::vector<NodeId> dead;
  for (const Member& member : core_.members(stage_.timeline.now())) {
    if (member.state == MemberState::dead) dead.push_back(member.id);
  }
  if (dead.empty()) return false;
  const NodeId id = dice.pick(dead);
  stage_.ledger.forgets(id);
  if (stage_.trace.on()) stage_.trace.line(host(), "forgets n" + std::to_string(id.bytes[15]));
  if (!core_.forget(stage_.timeline.now(), id.to_string(), actions_)) throw Violation{"I-a", "a dead member cannot be forgotten"};
  perform();
  plan_turn();
  return true;
}

void Process::dispatch(std::vector<Pending> events) {
  waiting_.insert(waiting_.end(), events.begin(), events.end());
  if (!paused_) try_waiting();
  plan_turn();
}

/// The flow window shuts a publisher out; whoever keeps it shut for too long is no longer waited for, whether an application
/// waits or not.
void Process::try_waiting() {
  const MonoTime now = stage_.timeline.now();
  while (!waiting_.empty() && !stopping_) {
    const std::size_t number = number_of(stage_, host(), waiting_.front().bus);
    if (!core_.routing().window_open(number)) {
      if (!waiting_until_) {
        stage_.totals.add("window_shut");
        waiting_until_ = now + setup_.notify_wait;
        stage_.timeline.at(*waiting_until_, [this, alive = alive_] {
          if (*alive) plan_turn();
        });
      }
      if (now < *waiting_until_) return;
      core_.drop_out_of_step(now, number, actions_);
      perform();
    }
    waiting_until_.reset();
    if (core_.routing().window_open(number)) {
      dispatch_now(waiting_.front());
    } else {
      stage_.totals.add("back_pressure");
    }
    waiting_.pop_front();
  }
}

void Process::dispatch_now(const Pending& pending) {
  const std::size_t number = number_of(stage_, host(), pending.bus);
  std::vector<RegistrationKey> keys;
  std::vector<std::uint64_t> hashes;
  for (unsigned key = 0; key < stage_.keys.size(); ++key) {
    if ((pending.keys & (KeySet{1} << key)) == 0) continue;
    keys.push_back(stage_.keys[key]);
    hashes.push_back(wire::interest_hash(stage_.buses[pending.bus], stage_.keys[key].to_string()));
  }
  std::uint64_t seq = 0;
  Logged logged{pending.keys, core_.needed(number, hashes), 0};
  if (logged.encoded) {
    std::string bytes;
    wire::encode_event(make_event(life(), pending), keys, PayloadFormat::raw, bytes);
    logged.bytes_hash = std::hash<std::string_view>{}(bytes);
    const routing::PeerMask wanted = core_.match(number, hashes);
    seq = core_.accept(stage_.timeline.now(), number, {std::move(bytes), std::move(hashes), wanted});
  } else {
    stage_.totals.add("hollow");
    seq = core_.accept(stage_.timeline.now(), number, {{}, {}, 0});
  }
  stage_.totals.add("events");
  if (stage_.trace.on()) {
    stage_.trace.line(host(), "accepts number " + std::to_string(seq) + " bus " + std::to_string(pending.bus) + " keys " +
                                  std::to_string(pending.keys) + (logged.encoded ? "" : " hollow"));
  }
  stage_.ledger.accepted(life(), pending.bus, seq, logged);
}

void Process::stop(nanoseconds patience, bool for_good, std::function<void()> done) {
  stopping_ = true;
  stop_turn(stage_.timeline.now() + patience, for_good, std::move(done));
}

void Process::stop_turn(MonoTime deadline, bool for_good, std::function<void()> done) {
  const MonoTime now = stage_.timeline.now();
  if (!paused_ && (core_.routing().flushed() || now >= deadline)) {
    core_.goodbye(now, for_good, actions_);
    perform();
    return done();
  }
  if (!paused_) {
    for (std::size_t bus = 0; bus < stage_.plan.buses; ++bus) core_.ask_reports(now, bus, actions_);
    perform();
    plan_turn();
  }
  stage_.timeline.after(50ms, [this, alive = alive_, deadline, for_good, done = std::move(done)] {
    if (*alive) stop_turn(deadline, for_good, done);
  });
}

}  // namespace evmesh::sim
