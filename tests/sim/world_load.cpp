#include <algorithm>
#include <bit>

#include "world.hpp"

namespace evmesh::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t registrations_max = 12;

nanoseconds around(Dice& dice, milliseconds mean) { return dice.span(0ms, 2 * mean); }

}  // namespace

KeySet World::some_keys(unsigned at_most) {
  KeySet keys = 0;
  for (auto count = load_dice_.between(1, at_most); count > 0; --count) {
    keys |= KeySet{1} << load_dice_.between(0, plan_.keys - 1);
  }
  return keys;
}

Process* World::someone() {
  const auto& place = places_[load_dice_.between(0, places_.size() - 1)];
  return place.process && !place.leaving ? place.process.get() : nullptr;
}

void World::plan_load() {
  timeline_.after(around(load_dice_, plan_.event_interval), [this] { burst(); });
  timeline_.after(around(load_dice_, plan_.change_interval), [this] { change(); });
}

void World::burst() {
  if (!loaded_) return;
  timeline_.after(around(load_dice_, plan_.event_interval), [this] { burst(); });
  Process* const publisher = someone();
  if (publisher == nullptr || !publisher->ready()) return;
  const std::size_t bus = load_dice_.between(0, plan_.buses - 1);
  std::vector<Pending> events;
  for (auto count = load_dice_.between(1, plan_.burst_max); count > 0; --count) {
    events.push_back({bus, some_keys(3), ++event_number_, load_dice_.between(0, plan_.payload_max)});
  }
  publisher->dispatch(std::move(events));
}

void World::change() {
  if (!loaded_) return;
  timeline_.after(around(load_dice_, plan_.change_interval), [this] { change(); });
  Process* const process = someone();
  if (process == nullptr || process->paused()) return;
  const auto& registrations = process->registrations();
  const bool full = registrations.size() >= registrations_max;
  if (registrations.empty() || (!full && load_dice_.chance(0.55))) return add_registration(*process);
  const Registration old = load_dice_.pick(registrations);
  process->remove(old.handle);
  // Interest that is dropped and comes back at once.
  if (!load_dice_.chance(0.3)) return;
  totals_.add("interest_dropped_then_back");
  process->add(++last_listener_, old.bus, old.keys, old.everything);
}

void World::first_registrations(Process& process) {
  for (auto count = load_dice_.between(0, 3); count > 0; --count) add_registration(process);
}

void World::add_registration(Process& process) {
  std::uint64_t listener = 0;
  std::size_t bus = load_dice_.between(0, plan_.buses - 1);
  if (!process.registrations().empty() && load_dice_.chance(0.3)) {
    const Registration& known = load_dice_.pick(process.registrations());
    listener = known.listener;
    bus = known.bus;
  } else {
    listener = ++last_listener_;
  }
  const bool everything = process.mode() == Mode::broadcast && load_dice_.chance(0.15);
  process.add(listener, bus, everything ? 0 : some_keys(3), everything);
}

}  // namespace evmesh::sim
