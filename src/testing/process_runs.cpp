#include <algorithm>
#include <functional>

#include "bus/group_rules.hpp"
#include "testing/process.hpp"
#include "wire/event_codec.hpp"

// Listeners are called, one at a time.

namespace evmesh::testing {

using namespace std::chrono_literals;

void Process::note(What what, std::size_t bus, const Event* event, std::string origin, const std::string& error) {
  Happening happening{.what = what, .bus = world_.options.buses[bus]};
  if (event != nullptr) {
    happening.event_type = event->type();
    happening.event = event->id();
  }
  happening.origin = std::move(origin);
  happening.error = error;
  world_.note(host_, std::move(happening));
}

void Process::call_back(std::string_view what, const std::function<void()>& callback) {
  static_cast<void>(world_.call([&] { runners_.front()->call_back(what, callback); }));
}

void Process::hear(const Place& place, const Event& event, const RegistrationKey* key, const Origin* origin) {
  Delivery delivery{.event = event};
  delivery.key = key;
  delivery.origin = origin;
  delivery::Ran ran;
  const unsigned deeper = depth() + 1;
  const auto listener = place.listener;  // it may unregister itself
  Happening heard{.what = What::heard, .bus = world_.options.buses[place.bus]};
  heard.name = place.name;
  const std::size_t bus = place.bus;
  static_cast<void>(world_.call([&] { ran = runners_[bus]->run(*listener, delivery, deeper); }));
  if (ran.ending == delivery::Ending::skipped) return;
  heard.event_type = event.type();
  heard.event = event.id();
  if (origin != nullptr)
    heard.origin = world_.name_of(DispatchId{origin->publisher, origin->epoch, origin->seq});
  heard.error = ran.error;
  world_.note(host_, std::move(heard));
}

// Groups.

void Process::take_jobs() {
  if (stopping_) return;
  for (const work::GroupIndex group : std::set(ready_)) {
    const auto found = runs_.find(group);
    if (found == runs_.end()) continue;
    const std::shared_ptr<GroupRun> run = found->second;
    const unsigned room = run->options.concurrency - std::min(run->running, run->options.concurrency);
    if (room == 0) continue;
    std::vector<work::Job> jobs;
    core_.take(now(), group, room, jobs);
    if (jobs.size() < room) ready_.erase(group);
    for (const work::Job& job : jobs) {
      begin(job, run);
      ++run->running;
      later(0ns, [this, handle = job.handle] { execute(handle); });
    }
  }
}

void Process::begin(const work::Job& job, const std::shared_ptr<GroupRun>& run) {
  host_.disk.flights[job.handle] = job.flight() ? *job.flight() : core_.machine().flight(job.handle);
  running_[job.handle] = {job, run};
}

/// What dispatch runs itself, before it returns.
void Process::run_claimed(const work::Job& job, const std::shared_ptr<GroupRun>& run) {
  begin(job, run);
  ++run->running;
  execute(job.handle);
}

void Process::execute(work::Handle handle) {
  const Running running = running_.at(handle);
  const work::Job& job = running.job;
  const GroupRun& run = *running.run;
  auto parcel = job.event ? job.event : read(core_.machine().position(handle).value_or(job.position));
  std::optional<Event> event = parcel ? parcel->event : std::nullopt;
  if (parcel && !event) {
    if (auto decoded = wire::decode_event(parcel->bytes)) event = decoders_.decoded(std::move(decoded->event));
  }
  if (!event)
    return finish(handle, {work::Ran::Ending::refused, "not run: its event cannot be read", {}, {}});

  Happening happening{.what = What::running, .bus = world_.options.buses[run.bus]};
  happening.event_type = event->type();
  happening.event = event->id();
  happening.origin = world_.name_of(job.id);
  happening.name = run.group.to_string();
  happening.attempt = job.attempt;
  happening.possibly_duplicate = job.possibly_duplicate;
  world_.note(host_, happening);

  Delivery delivery{.event = *event};
  delivery.group = &run.group;
  delivery.attempt = job.attempt;
  delivery.possibly_duplicate = job.possibly_duplicate;
  delivery::Ran said;
  const unsigned deeper = depth() + 1;
  nanoseconds took = world_.call([&] { said = runners_[run.bus]->run(*run.listener, delivery, deeper); });
  if (over_) return;  // it ended its own process
  work::Ran ran = bus::to_ran(said);
  if (took >= run.options.execution_timeout) {
    took = run.options.execution_timeout;
    ran = {work::Ran::Ending::failed, "timed out after " + std::to_string(took / 1ms) + " ms", {}, {}};
  }
  constexpr What endings[] = {What::done, What::failed, What::given_up, What::unknown_type};
  happening.what = endings[static_cast<std::size_t>(ran.ending)];
  happening.error = ran.error;
  const auto end = [this, handle, ran, happening] {
    world_.note(host_, happening);
    finish(handle, ran);
  };
  if (took == 0ns) return end();
  later(took, end);
}

void Process::finish(work::Handle handle, const work::Ran& ran) {
  const Running running = running_.at(handle);
  running_.erase(handle);
  --running.run->running;
  ready_.insert(running.job.group);  // there is room again
  core_.finished(now(), running.job, ran);
  // Of what was run for others nothing is written here.
  landing_.emplace_back(running.job.foreign || commit_.empty() ? written_ : commit_.end(), handle);
  const std::string& why = running.run->given_up;
  if (ran.ending != work::Ran::Ending::done && !why.empty())
    core_.machine().give_up(world_.now(), world_.wall(), running.job.group, why, commit_);
  plan_turn();
}

}  // namespace evmesh::testing
