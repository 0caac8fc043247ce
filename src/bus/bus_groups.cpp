#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "bus/bus.hpp"
#include "bus/outgoing_event.hpp"
#include "bus/registration.hpp"
#include "bus/required_state.hpp"

namespace evmesh::bus {
namespace {

constexpr std::string_view required_kind = "required-group";

work::Policy policy_of(const GroupOptions& options) {
  return {.retry = options.retry,
          .backlog_max = options.backlog_max,
          .backlog_bytes_max = options.backlog_bytes_max,
          .refuse_at_quota = options.refuse_at_backlog};
}

Result<void> out_of_range(std::string_view option, std::uint64_t value, std::string_view range) {
  return fail(ErrorCode::invalid_argument,
              std::string(option) + " is " + std::to_string(value) + "; it must be " + std::string(range));
}

}  // namespace

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
  if (options.backlog_max < 1 || options.backlog_max > limits::group_backlog_max_highest) {
    return out_of_range("backlog_max", options.backlog_max, "1 to 100000000");
  }
  if (options.backlog_bytes_max < limits::mib) {
    return out_of_range("backlog_bytes_max", options.backlog_bytes_max, "1048576 (1 MiB) or more");
  }
  return options.retry.check();
}

Result<Registration> Bus::register_listener(std::shared_ptr<Listener> listener, const Group& group,
                                            GroupOptions options) {
  if (auto good = accepting(); !good) return tl::unexpected(good.error());
  if (!listener) return fail(ErrorCode::invalid_argument, "the listener is null");
  if (auto checked = check_group(group, options); !checked) return tl::unexpected(checked.error());
  GroupRunner::Settings settings{.handle = 0, .index = 0, .options = options};
  {
    // Its place comes first: who is refused changes nothing of the one that is there.
    const std::unique_lock lock(mutex_);
    if (closed_) return tl::unexpected(closed_error());
    settings.handle = next_handle_++;
    if (auto added = registry_.add_group(group, settings.handle); !added)
      return tl::unexpected(added.error());
  }
  auto registration = run_group(std::move(listener), group, settings);
  if (!registration) {
    const std::unique_lock lock(mutex_);
    registry_.remove_group(group, settings.handle);
  }
  return registration;
}

/// Makes the runner of a group that has its place.
Result<Registration> Bus::run_group(std::shared_ptr<Listener> listener, const Group& group,
                                    GroupRunner::Settings settings) {
  const work::GroupIndex index = services_.work.declare(settings_.name, group, policy_of(settings.options));
  settings.index = index;
  const bool refuses = settings.options.refuse_at_backlog;
  const GroupRunner::Services services{services_.clock,  runner_,   services_.pool,
                                       services_.timers, activity_, services_.counters,
                                       services_.work};
  const auto runner = std::make_shared<GroupRunner>(services, settings, group, std::move(listener));
  std::unique_lock changing(states_mutex_);
  RequiredState state = state_of(group);
  state.critical = settings.options.critical;
  if (auto required = require(group, state); !required) return tl::unexpected(required.error());
  {
    const std::unique_lock lock(mutex_);
    if (closed_) return tl::unexpected(closed_error());
    runners_.emplace(runner->handle(), runner);
    change_groups([&](Groups& groups) {
      std::erase_if(groups, [&](const Required& each) { return each.group == group; });
      groups.push_back({group, index, runner, refuses, state});
    });
  }
  changing.unlock();
  if (settings_.execute_groups) {
    services_.work.attach(index, runner, settings.options.concurrency);
  } else {
    runner->stop_pulling();
  }
  return Registration(std::make_unique<GroupRegistration>(weak_from_this(), runner));
}

/// Under mutex_.
void Bus::change_groups(const std::function<void(Groups&)>& change) {
  auto groups = std::make_shared<Groups>(*groups_);
  change(*groups);
  std::ranges::sort(*groups, {}, &Required::group);
  groups_ = std::move(groups);
}

std::shared_ptr<const Bus::Groups> Bus::required() const {
  const std::shared_lock lock(mutex_);
  return groups_;
}

std::optional<Bus::Required> Bus::find_required(const Group& group) const {
  const auto groups = required();
  const auto found = std::ranges::find(*groups, group, &Required::group);
  return found == groups->end() ? std::nullopt : std::optional(*found);
}

RequiredState Bus::state_of(const Group& group) const {
  const auto known = find_required(group);
  return known ? known->state : RequiredState();
}

/// Remembers on the disk, where there is one, that every event is owed to `group` from now on.
Result<void> Bus::require(const Group& group, const RequiredState& state) {
  const auto known = find_required(group);
  if (known && known->state == state) return {};
  return keep_state(group, state);
}

Result<void> Bus::keep_state(const Group& group, const RequiredState& state) {
  if (!services_.work.durable()) return {};
  return services_.work.letters().put(required_kind, settings_.name + '/' + group.to_string(),
                                      required_document(state));
}

void Bus::unrequire(const Group& group) {
  if (!services_.work.durable()) return;
  const std::string name = settings_.name + '/' + group.to_string();
  if (const auto erased = services_.work.letters().erase(required_kind, name); !erased) {
    runner_.log(LogLevel::error, "group_not_removed",
                {{"group", group.to_string()}, {"why", erased.error().message}});
  }
}

/// The groups that earlier lives of the node required: what is dispatched before their listeners register is
/// owed to them.
void Bus::load_groups() {
  if (!services_.work.durable()) return;
  const auto documents = services_.work.letters().documents(required_kind);
  if (!documents) return;
  const std::string prefix = settings_.name + '/';
  const std::unique_lock lock(mutex_);
  for (const auto& [name, body] : *documents) {
    const auto group = name.starts_with(prefix) ? Group::parse(name.substr(prefix.size()))
                                                : fail(ErrorCode::undecodable, {});
    if (!group) continue;
    const work::GroupIndex index = services_.work.declare(settings_.name, *group, {});
    const RequiredState state = read_required(body);
    if (state.paused) services_.work.pause(index, true);
    change_groups([&](Groups& groups) { groups.push_back({*group, index, nullptr, false, state}); });
  }
}

/// What its listener's going means for the group: where it ends, what is still owed goes to the dead letters.
bool Bus::ends_group(Parting how) const {
  if (how == Parting::forgotten) return true;
  if (settings_.uplink != nullptr || closed_) return false;
  return how == Parting::unregistered || !services_.work.durable();
}

Unregistered Bus::leave(const std::shared_ptr<GroupRunner>& runner, Parting how,
                        std::function<void()> on_drained) {
  const bool ends = ends_group(how);
  bool left = false;
  {
    const std::unique_lock lock(mutex_);
    left = registry_.remove_group(runner->group(), runner->handle());
    if (left) {
      runners_.erase(runner->handle());
      change_groups([&](Groups& groups) {
        const auto left_group = std::ranges::find(groups, runner, &Required::runner);
        if (left_group == groups.end()) return;
        left_group->runner = nullptr;
        if (ends) groups.erase(left_group);
      });
    }
  }
  if (left) services_.work.detach(runner->index());
  if (left && ends) services_.work.pause(runner->index(), false);
  if (left && ends) unrequire(runner->group());
  runner->gate().close();
  runner->close(ends ? "not run: the group was unregistered" : "");
  const Unregistered left_behind = close_gate(runner->gate(), std::move(on_drained));
  if (left && ends && runner_.depth() == 0) {
    services_.work.wait_letters(services_.clock.now() + limits::drain);
  }
  return left_behind;
}

std::vector<Group> Bus::groups() const {
  const std::shared_lock lock(mutex_);
  return registry_.groups();
}

bool Bus::awaited(const GroupRunner& runner) const {
  if (!settings_.execute_groups) return false;
  if (runner.placement() == Placement::here) return true;
  if (settings_.mode != Mode::mono || settings_.delivery == DeliveryModel::asynchronous) return false;
  return settings_.delivery == DeliveryModel::synchronous || runner.mode() == ExecutionMode::synchronous;
}

Result<Bus::Owing> Bus::owe(const Event& event, std::span<const RegistrationKey> keys) {
  return owe(event, keys, required());
}

/// Everything that can refuse the event on the groups' side is asked here.
Result<Bus::Owing> Bus::owe(const Event& event, std::span<const RegistrationKey> keys,
                            std::shared_ptr<const Groups> groups) const {
  if (groups->empty()) return Owing{};
  if (auto admitted = services_.work.admit(); !admitted) {
    return tl::unexpected(admitted.error());
  }
  auto parcel = services_.work.pack(event, keys);
  if (!parcel) return tl::unexpected(parcel.error());
  return Owing{std::move(groups), std::move(*parcel)};
}

/// A group that refuses at its backlog does so before anybody gets anything; where others take what was left
/// of it meanwhile, accepting refuses.
Result<void> Bus::check_backlog(std::span<const Owing> owing) const {
  std::vector<work::GroupIndex> refusing;
  std::uint64_t bytes = 0;
  for (const Owing& each : owing) bytes += each.parcel ? each.parcel->size : 0;
  if (bytes == 0) return {};
  for (const Required& each : *owing.back().groups) {
    if (each.refuses) refusing.push_back(each.index);
  }
  return refusing.empty() ? Result<void>() : services_.work.fits(refusing, owing.size(), bytes);
}

/// Takes on what is owed; the groups that this dispatch runs itself join `calls`.
Result<work::Accepted> Bus::accept(const Owing& owing, Calls& calls) {
  const bool nested = runner_.depth() > 0;
  work::Acceptance acceptance;
  acceptance.bus = settings_.name;
  acceptance.event_id = owing.parcel->event->id();
  acceptance.event = owing.parcel;
  acceptance.time = services_.clock.wall();
  std::vector<std::shared_ptr<GroupRunner>> claimed;
  for (const Required& each : *owing.groups) {
    acceptance.groups.push_back(each.index);
    if (!each.runner || !awaited(*each.runner) || !each.runner->claim(nested)) continue;
    acceptance.claimed.push_back(each.index);
    claimed.push_back(each.runner);
  }
  auto accepted = services_.work.accept(acceptance);
  for (std::size_t at = 0; at < claimed.size(); ++at) {
    const work::Handle handle = accepted ? accepted->claimed[at] : 0;
    if (handle == 0) {
      claimed[at]->let_go(nested);
      continue;
    }
    work::Job job;
    job.handle = handle;
    job.id = accepted->id;
    job.group = acceptance.claimed[at];
    calls.push_back({nullptr, claimed[at], nullptr, job});
  }
  return accepted;
}

Result<void> Bus::redeliver(const Group& group, const Event& event) {
  if (auto good = accepting(); !good) return good;
  const delivery::Activity::Use use(activity_);
  if (closed_) return tl::unexpected(closed_error());
  if (auto checked = rules_.check(event, {}); !checked) return checked;
  const auto noop = noop_of(event);
  if (!noop) return tl::unexpected(noop.error());
  std::shared_ptr<const Groups> groups = required();
  if (group != Group::dispatching_failure(settings_.name)) {
    const auto found = std::ranges::find(*groups, group, &Required::group);
    if (found == groups->end()) {
      return fail(ErrorCode::unknown_group, "nobody runs group " + base::quoted(group.to_string()) +
                                                " on bus " + base::quoted(settings_.name) +
                                                "; register its listener first");
    }
    groups = std::make_shared<const Groups>(Groups{*found});
  }
  if (*noop) return {};
  const auto owing = owe(event, {}, std::move(groups));
  if (!owing) return tl::unexpected(owing.error());
  if (!owing->parcel) return {};
  Calls calls;
  const auto accepted = accept(*owing, calls);
  if (!accepted) return tl::unexpected(accepted.error());
  run_calls(event, {}, calls);
  Done done;
  done.end = accepted->end;
  done.receipt.dispatch = accepted->id;
  return wait_for_level(std::move(done)).map([](const Receipt&) {});
}

}  // namespace evmesh::bus
