#include "world.hpp"

#include <algorithm>

namespace evmesh::sim {

using namespace std::chrono_literals;

namespace {

NodeId id_of(Host host, std::uint8_t disk) {
  NodeId id;
  id.bytes[0] = 0xaa;
  id.bytes[14] = disk;
  id.bytes[15] = static_cast<std::uint8_t>(host);
  return id;
}

std::vector<RegistrationKey> make_keys(unsigned count) {
  std::vector<RegistrationKey> keys;
  for (unsigned key = 0; key < count; ++key) keys.push_back(*RegistrationKey::make("Key", std::to_string(10 + key)));
  return keys;
}

std::vector<std::string> make_buses(std::size_t count) {
  std::vector<std::string> buses;
  for (std::size_t bus = 0; bus < count; ++bus) buses.push_back("bus" + std::to_string(bus));
  return buses;
}

NetworkOptions network_of(const Plan& plan) {
  return {.hosts = plan.hosts,
          .link_queue_bytes = plan.link_queue_bytes,
          .pipe_frames = plan.pipe_frames,
          .hints = plan.hints,
          .keeps_old_frames = plan.has(Fault::replay)};
}

}  // namespace

World::World(const Plan& plan, bool trace)
    : plan_(plan),
      dice_(plan.seed * 3 + 1),
      load_dice_(plan.seed * 3 + 2),
      trace_(trace, timeline_),
      network_(network_of(plan_), timeline_, plan.seed * 3 + 3, totals_),
      ledger_(plan_, totals_),
      stage_{plan_, timeline_, network_, ledger_, totals_, trace_, make_keys(plan_.keys), make_buses(plan_.buses)},
      places_(plan_.hosts),
      began_(timeline_.now()) {
  for (Host host = 0; host < plan_.hosts; ++host) {
    places_[host].mode = plan_.modes[host];
    if (!plan_.has(Fault::slow_receiver) || !dice_.chance(0.5)) continue;
    places_[host].turn_pause = dice_.span(5ms, 200ms);
    places_[host].turn_inputs = dice_.between(32, 256);
  }
}

Outcome World::run() {
  Outcome outcome;
  outcome.seed = plan_.seed;
  try {
    play();
  } catch (const Violation& violation) {
    outcome.violation = violation;
  }
  outcome.step = timeline_.steps();
  outcome.time = std::chrono::duration_cast<milliseconds>(timeline_.now() - began_);
  totals_.add("seeds");
  totals_.add("virtual_seconds", static_cast<std::uint64_t>(outcome.time / 1s));
  for (const Fault fault : plan_.faults) totals_.add("seeds_with_" + std::string(to_string(fault)));
  outcome.totals = totals_;
  return outcome;
}

void World::play() {
  for (Host host = 0; host < plan_.hosts; ++host) {
    // Who comes before its seeds is alone for a while, and what it says then is lost to the others.
    const nanoseconds wait = dice_.chance(0.4) ? dice_.span(1ms, 20s) : dice_.span(1ms, 50ms);
    timeline_.after(host == 0 && plan_.harmless() ? 0ms : wait, [this, host] { start(host); });
  }
  plan_load();
  plan_faults();
  const MonoTime faults_end = began_ + plan_.fault_time;
  timeline_.after(500ms, [this] { look_around(); });
  while (timeline_.step(faults_end)) {
  }
  heal();
  // Load goes on for a while in the healed mesh.
  while (timeline_.step(faults_end + 3s)) {
  }
  loaded_ = false;
  // Everything must be well after the longest pause between two redials, and what follows from it.
  const MonoTime deadline = faults_end + 3s + 2 * plan_.redial_max + 20s;
  std::optional<std::string> reason;
  for (MonoTime next = faults_end + 4s; next <= deadline; next += 1s) {
    while (timeline_.step(next)) {
    }
    reason = not_converged();
    if (!reason) reason = missing();
    if (!reason) break;
  }
  if (reason) throw Violation{"I-a/I-b", "after faults have ended: " + *reason};
  check_gaps();
  for (Host host = 0; host < plan_.hosts; ++host) {
    if (places_[host].process) end(host, true, false);
  }
}

/// Where nothing was lost for good nobody may be told so.
void World::check_gaps() {
  if (!plan_.harmless()) return;
  totals_.add("seeds_without_loss");
  for (const GapReason reason : {GapReason::ring_overrun, GapReason::life_ended, GapReason::listener_overrun, GapReason::joined_late}) {
    const std::string what = "gap_" + std::string(to_string(reason));
    if (totals_.of(what) > 0) throw Violation{"I-g", what + " in a run that loses nothing"};
  }
}

void World::start(Host host) {
  Place& place = places_[host];
  if (place.process || place.left) return;
  place.epoch += 10;
  const bool old = std::exchange(place.old_disk, false) && place.epoch >= 1'030;
  if (old) totals_.add("old_disks");
  Process::Setup setup;
  setup.host = host;
  setup.life = {id_of(host, place.disks), old ? place.epoch - 25 : place.epoch};
  setup.transient = plan_.transient[host];
  setup.notify_wait = host % 2 == 0 ? 100ms : 0ms;
  setup.on_removed = [this, host] { removed(host); };
  setup.mode = place.mode;
  setup.turn_pause = place.turn_pause;
  setup.turn_inputs = place.turn_inputs;
  setup.random_seed = dice_.next();
  // One seed is enough to learn of everybody; the first host has one too, so that it finds the others after a restart.
  setup.seeds = {host == 0 ? 1U : 0U};
  if (dice_.chance(0.5)) setup.seeds.push_back(static_cast<Host>(dice_.between(0, plan_.hosts - 1)));
  if (trace_.on()) {
    trace_.line(host, std::string("starts as ") + name(setup.life) + (place.mode == Mode::broadcast ? " broadcast" : " scale"));
  }
  place.process = std::make_unique<Process>(stage_, setup);
  network_.attach(host, setup.life, *place.process);
  first_registrations(*place.process);
  place.process->start();
}

void World::end(Host host, bool abruptly, bool said_goodbye) {
  Place& place = places_[host];
  if (trace_.on()) trace_.line(host, abruptly ? "is killed" : "ends");
  place.process->end(said_goodbye);
  place.epoch = std::max(place.epoch, place.process->life().epoch);
  if (plan_.transient[host]) ++place.disks;
  network_.detach(host, abruptly);
  place.process.reset();
  place.leaving = false;
}

void World::heal() {
  faulty_ = false;
  if (trace_.on()) trace_.line(0, "everything heals");
  network_.heal();
  for (Host host = 0; host < plan_.hosts; ++host) {
    places_[host].turn_pause = 0ms;
    if (places_[host].process) {
      places_[host].process->hurry();
      places_[host].process->resume();
    }
    start(host);
  }
}

std::set<Life> World::living() const {
  std::set<Life> lives;
  for (const Place& place : places_) {
    if (place.process && !place.leaving) lives.insert(place.process->life());
  }
  return lives;
}

std::optional<std::string> World::not_converged() const {
  const std::set<Life> lives = living();
  for (const Place& place : places_) {
    if (place.leaving) return "somebody is still stopping";
    if (!place.process) continue;
    const Process& process = *place.process;
    std::set<Life> seen;
    for (const Member& member : process.core().members(timeline_.now())) {
      const Life life{member.id, member.epoch};
      if (member.state == MemberState::alive || member.self) seen.insert(life);
    }
    for (const Life& life : lives) {
      if (!seen.contains(life)) return name(process.life()) + " does not see " + name(life) + " alive";
    }
    for (const Life& life : seen) {
      if (!lives.contains(life)) return name(process.life()) + " sees " + name(life) + " alive, which is not";
    }
    if (!process.core().joined()) return name(process.life()) + " has not joined";
    const auto version = process.core().routing().announcement_version();
    if (!process.core().routing().unacknowledged(version).empty()) return name(process.life()) + " waits for acknowledgements";
  }
  return std::nullopt;
}

std::optional<std::string> World::missing() const {
  for (const Place& place : places_) {
    if (!place.process) continue;
    // A member that left without being heard is dead for ever, as far as anybody knows. But where another id sits on its
    // endpoint it must be given up.
    std::set<Life> absent;
    for (const Member& member : place.process->core().members(timeline_.now())) {
      const Process* const there = places_[member.id.bytes[15]].process.get();
      const bool replaced = there != nullptr && there->life().id != member.id;
      if (member.state == MemberState::dead && !replaced) absent.insert({member.id, member.epoch});
    }
    if (auto reason = ledger_.missing(place.process->life(), absent)) return reason;
  }
  return std::nullopt;
}

/// What must hold at any time but is dear to ask.
void World::look_around() {
  timeline_.after(500ms, [this] { look_around(); });
  const MonoTime now = timeline_.now();
  for (const Place& place : places_) {
    if (!place.process || place.process->paused() || place.leaving) continue;
    const Process& process = *place.process;
    for (const Member& member : process.core().members(now)) {
      const Life life{member.id, member.epoch};
      if (member.self) continue;
      if (member.state == MemberState::suspect && member.reason.starts_with("unreachable")) {
        totals_.add("indirect_probe_saved_member");
      }
      if (member.state == MemberState::suspect && member.we_hear && !member.hears_us) totals_.add("one_way_seen");
      if (member.state != MemberState::alive || now < process.resumed_at() + 4s) continue;
      const Place& other = places_[member.id.bytes[15]];
      const bool there = other.process && other.process->life() == life && !other.process->paused() &&
                         now >= other.process->resumed_at() + 4s && !other.leaving;
      if (!there || now < other.process->heard(process.life()) + 4'500ms) continue;
      throw Violation{"I-a", name(process.life()) + " takes " + name(life) + " for alive, which has not heard it for " +
                                 std::to_string((now - other.process->heard(process.life())) / 1ms) + " ms"};
    }
  }
}

}  // namespace evmesh::sim
