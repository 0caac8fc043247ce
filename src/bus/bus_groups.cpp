#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "bus/bus.hpp"
#include "bus/group_rules.hpp"
#include "bus/outgoing_event.hpp"
#include "bus/registration.hpp"
#include "bus/required_state.hpp"

namespace evmesh::bus {

Result<Registration> Bus::register_listener(std::shared_ptr<Listener> listener, const Group& group,
                                            GroupOptions options) {
  if (auto good = accepting(); !good) return tl::unexpected(good.error());
  if (!listener) return fail(ErrorCode::invalid_argument, "the listener is null");
  if (auto checked = check_group(settings_.name, group, options); !checked) return tl::unexpected(checked.error());
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
  const base::MonoTime began = services_.clock.now();
  std::unique_lock changing(states_mutex_);
  if (auto required = require(group, settings.options); !required) return tl::unexpected(required.error());
  const work::GroupIndex index = services_.work.find(settings_.name, group).value();
  settings.index = index;
  const GroupRunner::Services services{services_.clock,  runner_,   services_.pool,
                                       services_.timers, activity_, services_.counters,
                                       services_.work};
  const auto runner = std::make_shared<GroupRunner>(services, settings, group, std::move(listener));
  {
    const std::unique_lock lock(mutex_);
    if (closed_) return tl::unexpected(closed_error());
    runners_.emplace(runner->handle(), runner);
    change_groups([&](Groups& groups) {
      const auto place = std::ranges::find(groups, group, &Required::group);
      if (place != groups.end()) place->runner = runner;
    });
  }
  changing.unlock();
  if (settings_.execute_groups) {
    services_.work.attach(index, runner, settings.options.concurrency);
  } else {
    runner->stop_pulling();
  }
  return Registration(std::make_unique<GroupRegistration>(weak_from_this(), runner, began));
}

/// Under mutex_.
void Bus::change_groups(const std::function<void(Groups&)>& change) {
  auto groups = std::make_shared<Groups>(*groups_);
  change(*groups);
  std::ranges::sort(*groups, {}, &Required::group);
  owes_ = !groups->empty();
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

/// Every event is owed to `group` from now on, here and at every member.
Result<void> Bus::require(const Group& group, const GroupOptions& options) {
  return services_.work.change_group(settings_.name, group,
                                     [&](wire::GroupEntry& entry) { bus::require(entry, options); });
}

Result<void> Bus::unrequire(const Group& group) {
  return services_.work.change_group(settings_.name, group,
                                     [](wire::GroupEntry& entry) { entry.present = false; });
}

void Bus::group_changed(const wire::GroupEntry& entry, bool here) {
  const auto group = Group::parse(entry.group);
  if (!group) return;
  if (!entry.present) return drop_group(*group, here);
  const work::GroupIndex index = services_.work.declare(settings_.name, *group, policy_of(entry));
  services_.work.pause(index, entry.paused);
  const std::unique_lock lock(mutex_);
  if (stopped_) return;
  const auto runner = std::ranges::find_if(
      runners_, [&](const auto& each) { return each.second->group() == *group; });
  change_groups([&](Groups& groups) {
    std::erase_if(groups, [&](const Required& each) { return each.group == *group; });
    groups.push_back({*group, index, runner == runners_.end() ? nullptr : runner->second,
                      entry.refuse_at_backlog, state_of(entry)});
  });
}

/// Nothing is owed to it any more. What still is goes to its dead letters when another node removed it: that one knew only
/// what was owed there, and whoever removes it here says what becomes of it.
void Bus::drop_group(const Group& group, bool here) {
  {
    const std::unique_lock lock(mutex_);
    change_groups([&](Groups& groups) {
      std::erase_if(groups, [&](const Required& each) { return each.group == group; });
    });
  }
  const auto index = services_.work.find(settings_.name, group);
  if (!index) return;
  services_.work.pause(*index, false);
  if (!here) services_.work.give_up(*index, "not run: the group was removed");
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
  runner->gate().close();
  runner->close(ends ? "not run: the group was unregistered" : "");
  if (left && ends) end_group(runner->group());
  const Unregistered left_behind = close_gate(runner->gate(), std::move(on_drained));
  if (left && ends && runner_.depth() == 0) {
    services_.work.wait_letters(services_.clock.now() + limits::drain);
  }
  return left_behind;
}

void Bus::end_group(const Group& group) {
  const std::lock_guard changing(states_mutex_);
  if (const auto ended = unrequire(group); !ended) {
    runner_.log(LogLevel::error, "group_not_removed",
                {{"group", group.to_string()}, {"why", ended.error().message}});
  }
}

RegistrationReceipt Bus::acknowledged(const Group& group, base::MonoTime since,
                                      std::chrono::milliseconds timeout) {
  if (settings_.uplink == nullptr || !uplink_gate_.enter()) return {};
  RegistrationReceipt receipt = services_.work.group_receipt(settings_.name, group, since, timeout);
  uplink_gate_.leave();
  return receipt;
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
  return owes_ ? owe(event, keys, required()) : Owing{};
}

/// Everything that can refuse the event on the groups' side is asked here.
Result<Bus::Owing> Bus::owe(const Event& event, std::span<const RegistrationKey> keys,
                            std::shared_ptr<const Groups> groups, bool runs_here) const {
  if (groups->empty()) return Owing{};
  if (auto admitted = services_.work.admit(); !admitted) {
    return tl::unexpected(admitted.error());
  }
  auto parcel = services_.work.pack(event, keys, runs_here);
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
  auto accepted = services_.work.accept(acceptance, settings_.level != Level::memory);
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
  const auto owing = owe(undecoded(event) ? services_.decoders->decoded(event) : event, {}, std::move(groups));
  if (!owing) return tl::unexpected(owing.error());
  if (!owing->parcel) return {};
  Calls calls;
  const auto accepted = accept(*owing, calls);
  if (!accepted) return tl::unexpected(accepted.error());
  run_calls(*owing->parcel->event, {}, calls);
  Done done;
  done.end = accepted->end;
  done.receipt.dispatch = accepted->id;
  return wait_for_level(std::move(done)).map([](const Receipt&) {});
}

}  // namespace evmesh::bus
