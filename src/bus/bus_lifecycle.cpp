#include <algorithm>
#include <utility>

#include "bus/bus.hpp"
#include "bus/time_left.hpp"

namespace evmesh::bus {

Error Bus::closed_error() const {
  return {ErrorCode::closed, "bus \"" + settings_.name + "\" was closed; open a new node"};
}

/// Nothing, or why no new work is taken.
Result<void> Bus::accepting() const {
  if (closed_) return tl::unexpected(closed_error());
  if (auto failure = services_.work.failure()) return tl::unexpected(*failure);
  if (settings_.uplink == nullptr || !uplink_gate_.enter()) return {};
  auto usable = settings_.uplink->usable();
  uplink_gate_.leave();
  return usable;
}

/// What groups are owed on the disk can wait for the next life; what is in memory runs before the bus ends.
void Bus::close() {
  closed_ = true;
  if (!services_.work.durable()) return;
  const auto groups = required();
  for (const Required& each : *groups) {
    if (each.runner) each.runner->stop_pulling();
  }
}

Result<void> Bus::drain(std::chrono::milliseconds timeout) {
  if (runner_.depth() > 0) {
    return fail(ErrorCode::draining, "drain was called inside a listener, whose call cannot end before it");
  }
  const std::int64_t left = services_.pool.of_host() ? run_until_idle(timeout) : activity_.wait(timeout);
  if (left == 0) {
    services_.work.wait_letters(services_.clock.now() + timeout);
    return {};
  }
  return fail(ErrorCode::deadline_exceeded, std::to_string(left) +
                                                " calls or dispatches have not ended within " +
                                                std::to_string(timeout.count()) + " ms");
}

/// Where the host runs the listeners, whoever waits for the end of their calls may be the only one that makes them. Others
/// may, too, so it looks again after a while.
std::int64_t Bus::run_until_idle(std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds look_again{5};
  const base::MonoTime deadline = services_.clock.now() + timeout;
  for (;;) {
    while (activity_.count() > 0 && services_.clock.now() < deadline && services_.pool.run_waiting(1) > 0) {
    }
    const auto rest = time_left(services_.clock.now(), deadline);
    const std::int64_t left = activity_.wait(std::min(look_again, rest));
    if (left == 0 || rest.count() == 0) return left;
  }
}

void Bus::stop(base::MonoTime deadline) {
  close();
  if (!stopped_) {
    if (const auto drained = drain(time_left(services_.clock.now(), deadline));
        !drained && drained.error().code != ErrorCode::draining) {
      runner_.log(LogLevel::warning, "stopped_undrained", {{"why", drained.error().message}});
    }
  }
  // Inside a listener nobody waits for another that stops the bus: it could be this very thread, in a
  // callback.
  if (stopped_ && runner_.depth() > 0) return;
  const std::lock_guard lock(stop_mutex_);
  if (!stopped_.exchange(true)) release();
}

void Bus::detach() {
  uplink_gate_.close();
  uplink_gate_.wait();
}

/// Closes every gate, so that no call starts any more, and hands over what is left.
void Bus::release() {
  decltype(places_) places;
  decltype(strands_) strands;
  decltype(runners_) runners;
  {
    const std::unique_lock lock(mutex_);
    places.swap(places_);
    listens_ = false;
    strands.swap(strands_);
    runners.swap(runners_);
    strand_of_.clear();
    services_.keys_held -= registry_.key_count();
    registry_ = registry::Registry(settings_.keys_max);
    groups_ = std::make_shared<const Groups>();
    owes_ = false;
  }
  for (const auto& [handle, place] : places) place->gate.close();
  for (const auto& [handle, strand] : strands) strand->close();
  for (const auto& [handle, runner] : runners) {
    services_.work.detach(runner->index());
    runner->gate().close();
    runner->close(services_.work.durable() ? "" : "not run: the bus was stopped");
  }
  services_.work.wait_letters(services_.clock.now() + limits::drain);
  for (AsyncDispatch& dispatch : async_.take(settings_.async_dispatches_max)) {
    answer_async(dispatch, tl::unexpected(closed_error()));
  }
}

}  // namespace evmesh::bus
