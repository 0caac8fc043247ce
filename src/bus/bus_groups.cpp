#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "bus/bus.hpp"
#include "bus/outgoing_event.hpp"
#include "bus/registration.hpp"

namespace evmesh::bus {

Result<void> Bus::check_group(const Group& group, const GroupOptions& options) const {
  if (group == Group::dispatching_failure(settings_.name)) {
    return fail(ErrorCode::invalid_argument, "group " + base::quoted(group.to_string()) +
                                                 " keeps events whose dispatch failed; choose another name");
  }
  if (options.concurrency < 1 || options.concurrency > limits::group_concurrency_max) {
    return fail(ErrorCode::invalid_argument, "concurrency is " + std::to_string(options.concurrency) +
                                                 "; it must be 1 to " +
                                                 std::to_string(limits::group_concurrency_max));
  }
  if (options.execution_timeout.count() <= 0) {
    return fail(ErrorCode::invalid_argument, "execution_timeout is " +
                                                 std::to_string(options.execution_timeout.count()) +
                                                 " ms; it must be positive");
  }
  return options.retry.check();
}

Result<Registration> Bus::register_listener(std::shared_ptr<Listener> listener, const Group& group,
                                            GroupOptions options) {
  if (auto good = accepting(); !good) return tl::unexpected(good.error());
  if (!listener) return fail(ErrorCode::invalid_argument, "the listener is null");
  if (auto checked = check_group(group, options); !checked) return tl::unexpected(checked.error());
  std::shared_ptr<GroupWork> work;
  {
    const GroupWork::Services services{services_.clock,    services_.random, runner_,
                                       services_.pool,     services_.timers, activity_,
                                       services_.counters, dead_letters_};
    GroupWork::Settings settings;
    settings.node = settings_.self;
    settings.options = options;
    {
      const std::unique_lock lock(mutex_);
      settings.handle = next_handle_++;
    }
    work = std::make_shared<GroupWork>(services, settings, group, std::move(listener));
  }
  {
    const std::unique_lock lock(mutex_);
    if (closed_) return tl::unexpected(closed_error());
    if (auto added = registry_.add_group(group, work->handle()); !added) return tl::unexpected(added.error());
    works_.emplace(work->handle(), work);
    rebuild_groups();
  }
  if (settings_.uplink != nullptr) {
    runner_.log(LogLevel::warning, "group_stays_within_node",
                {{"group", group.to_string()}, {"why", "group work is not distributed in this version"}});
  }
  return Registration(std::make_unique<GroupRegistration>(weak_from_this(), std::move(work)));
}

/// Under mutex_.
void Bus::rebuild_groups() {
  auto groups = std::make_shared<Groups>();
  groups->reserve(works_.size());
  for (const auto& [handle, work] : works_) groups->push_back(work);
  std::ranges::sort(*groups, {}, [](const std::shared_ptr<GroupWork>& work) { return work->group(); });
  groups_ = std::move(groups);
}

Unregistered Bus::leave(const std::shared_ptr<GroupWork>& work, std::function<void()> on_drained) {
  {
    const std::unique_lock lock(mutex_);
    if (registry_.remove_group(work->group(), work->handle())) {
      works_.erase(work->handle());
      rebuild_groups();
    }
  }
  work->gate().close();
  work->close("the group was unregistered");
  return close_gate(work->gate(), std::move(on_drained));
}

std::vector<Group> Bus::groups() const {
  const std::shared_lock lock(mutex_);
  return registry_.groups();
}

bool Bus::awaited(const GroupWork& work) const {
  if (settings_.mode != Mode::mono || settings_.delivery == DeliveryModel::asynchronous) return false;
  return settings_.delivery == DeliveryModel::synchronous || work.mode() == ExecutionMode::synchronous;
}

Result<void> Bus::redeliver(const Group& group, const Event& event) {
  if (auto good = accepting(); !good) return good;
  const delivery::Activity::Use use(activity_);
  if (closed_) return tl::unexpected(closed_error());
  if (auto checked = rules_.check(event, {}); !checked) return checked;
  const auto noop = noop_of(event);
  if (!noop) return tl::unexpected(noop.error());
  std::shared_ptr<const Groups> groups;
  {
    const std::shared_lock lock(mutex_);
    groups = groups_;
  }
  if (group != Group::dispatching_failure(settings_.name)) {
    const auto found = std::ranges::find(*groups, group, [](const auto& work) { return work->group(); });
    if (found == groups->end()) {
      return fail(ErrorCode::unknown_group, "nobody runs group " + base::quoted(group.to_string()) +
                                                " on bus " + base::quoted(settings_.name) +
                                                "; register its listener first");
    }
    groups = std::make_shared<const Groups>(Groups{*found});
  }
  if (!*noop) run_groups(*groups, event);
  return {};
}

/// The first attempt in each of `groups`, as dispatch makes it.
void Bus::run_groups(const Groups& groups, const Event& event) {
  Calls calls;
  for (const auto& work : groups) {
    if (awaited(*work) && runner_.depth() <= limits::nesting_depth_max) {
      calls.push_back({nullptr, work, nullptr});
    } else {
      work->queue(event, {});
    }
  }
  run_calls(event, {}, calls);
}

}  // namespace evmesh::bus
