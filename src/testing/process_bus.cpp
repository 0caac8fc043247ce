#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "bus/group_rules.hpp"
#include "bus/registration.hpp"
#include "testing/process.hpp"

// Listeners come and go.

namespace evmesh::testing {

using namespace std::chrono_literals;

namespace {

/// A key or each-node registration. Outlives its process.
class PlaceHandle final : public Registration::Impl {
 public:
  PlaceHandle(std::weak_ptr<Process> process, std::shared_ptr<Place> place)
      : process_(std::move(process)), place_(std::move(place)) {}

  Unregistered part(Parting, std::function<void()> on_drained) override {
    const auto process = process_.lock();
    return process ? process->leave(*place_, std::move(on_drained)) : Unregistered::done;
  }
  [[nodiscard]] RegistrationReceipt receipt(std::chrono::milliseconds timeout) const override {
    const auto process = process_.lock();
    return process ? process->receipt(*place_, timeout) : RegistrationReceipt{};
  }
  [[nodiscard]] bool active() const override {
    const auto process = process_.lock();
    return process && !process->over() && place_->open;
  }

 private:
  const std::weak_ptr<Process> process_;
  const std::shared_ptr<Place> place_;  // shared with the process
};

/// A group registration. Outlives its process.
class GroupHandle final : public Registration::Impl {
 public:
  GroupHandle(std::weak_ptr<Process> process, std::shared_ptr<GroupRun> run)
      : process_(std::move(process)), run_(std::move(run)) {}

  Unregistered part(Parting how, std::function<void()> on_drained) override {
    const auto process = process_.lock();
    return process ? process->leave(*run_, how, std::move(on_drained)) : Unregistered::done;
  }
  [[nodiscard]] RegistrationReceipt receipt(std::chrono::milliseconds timeout) const override {
    const auto process = process_.lock();
    return process ? process->receipt(*run_, timeout) : RegistrationReceipt{};
  }
  [[nodiscard]] bool active() const override {
    const auto process = process_.lock();
    return process && !process->over() && run_->open;
  }

 private:
  const std::weak_ptr<Process> process_;
  const std::shared_ptr<GroupRun> run_;  // shared with the process
};

}  // namespace

Result<Registration> Process::add(std::shared_ptr<Place> place, const RegisterOptions& options) {
  const auto self = shared_from_this();
  if (auto good = usable(place->bus); !good) return tl::unexpected(good.error());
  if (!place->listener) return evmesh::fail(ErrorCode::invalid_argument, "the listener is null");
  if (options.receipt_timeout.count() < 0) {
    return evmesh::fail(ErrorCode::invalid_argument, "receipt_timeout is " +
                                                         std::to_string(options.receipt_timeout.count()) +
                                                         " ms; it must not be negative");
  }
  const delivery::Runner& runner = *runners_[place->bus];
  place->name = runner.name_of(*place->listener);
  place->mode = runner.mode_of(*place->listener);
  place->since = world_.now();
  place->version = mesh_ ? mesh_->routing().announcement_version() + 1 : 0;
  const auto change = audiences_[place->bus].add(place, world_.wall());
  if (!change) return tl::unexpected(change.error());
  if (mesh_) mesh_->change_interest(place->bus, change->added, change->removed, change->each_node);
  plan_turn();
  Registration registration(std::make_unique<PlaceHandle>(weak_from_this(), place));
  if (options.receipt_timeout > 0ms) static_cast<void>(receipt(*place, options.receipt_timeout));
  return registration;
}

Unregistered Process::leave(Place& place, std::function<void()> on_drained) {
  if (place.open && !over_) {
    const auto change = audiences_[place.bus].remove(place);
    if (mesh_) mesh_->change_interest(place.bus, change.added, change.removed, change.each_node);
    plan_turn();
  }
  return drained(std::move(on_drained));
}

/// Inside a listener a call may still be running.
Unregistered Process::drained(std::function<void()> on_drained) {
  if (depth() == 0) return Unregistered::done;
  if (on_drained) later(0ns, [this, told = std::move(on_drained)] { call_back("on_drained", told); });
  return Unregistered::draining;
}

RegistrationReceipt Process::receipt(const Place& place, std::chrono::milliseconds timeout) {
  RegistrationReceipt receipt;
  if (!mesh_ || over_) return receipt;
  const auto complete = [&] { return over_ || mesh_->routing().unacknowledged(place.version).empty(); };
  world_.advance(complete, world_.now() + timeout);
  for (const auto& ack : mesh_->routing().acknowledged(place.bus, place.version)) {
    receipt.acknowledged.push_back({ack.life.id, mesh_->name_of(ack.life.id), ack.seq});
    receipt.elapsed =
        std::max(receipt.elapsed, std::chrono::duration_cast<std::chrono::microseconds>(ack.at - place.since));
  }
  for (const wire::Life& life : mesh_->routing().unacknowledged(place.version))
    receipt.missing.push_back(mesh_->name_of(life.id));
  std::ranges::sort(receipt.missing);
  return receipt;
}

// Groups.

Result<Registration> Process::add(std::shared_ptr<GroupRun> run) {
  if (auto good = usable(run->bus); !good) return tl::unexpected(good.error());
  if (!run->listener) return evmesh::fail(ErrorCode::invalid_argument, "the listener is null");
  if (auto checked = bus::check_group(world_.options.buses[run->bus], run->group, run->options); !checked)
    return tl::unexpected(checked.error());
  const auto taken = std::ranges::any_of(runs_, [&](const auto& entry) {
    return entry.second->bus == run->bus && entry.second->group == run->group;
  });
  if (taken) {
    return evmesh::fail(ErrorCode::group_already_registered,
                        "group " + base::quoted(run->group.to_string()) + " has a listener on this bus already");
  }
  const auto required = change_group(run->bus, run->group, [&](wire::GroupEntry& entry) {
    bus::require(entry, run->options);
  });
  if (!required) return tl::unexpected(required.error());
  run->index = core_.machine().find(world_.options.buses[run->bus], run->group).value();
  run->mode = runners_[run->bus]->mode_of(*run->listener);
  run->since = world_.now();
  runs_.emplace(run->index, run);
  ready_.insert(run->index);
  core_.runs(now(), run->index, run->options.concurrency);
  plan_turn();
  return Registration(std::make_unique<GroupHandle>(weak_from_this(), run));
}

/// As Bus: where the group ends with its listener, what is still owed to it goes to its dead letters.
Unregistered Process::leave(GroupRun& run, Parting how, std::function<void()> on_drained) {
  if (!run.open || over_) return drained(std::move(on_drained));
  run.open = false;
  const bool ends = how == Parting::forgotten || (world_.mono && how == Parting::unregistered);
  core_.runs(now(), run.index, 0);
  runs_.erase(run.index);
  if (ends) {
    run.given_up = "not run: the group was unregistered";
    core_.machine().give_up(world_.now(), world_.wall(), run.index, run.given_up, commit_);
    static_cast<void>(
        change_group(run.bus, run.group, [](wire::GroupEntry& entry) { entry.present = false; }));
  }
  if (world_.mono) turn();
  plan_turn();
  return drained(std::move(on_drained));
}

RegistrationReceipt Process::receipt(const GroupRun& run, std::chrono::milliseconds timeout) {
  RegistrationReceipt receipt;
  if (!mesh_ || over_) return receipt;
  std::vector<work::RequiredGroups::Knows> members;
  const auto complete = [&] {
    members = core_.groups().who_knows(world_.options.buses[run.bus], run.group.to_string());
    return over_ || std::ranges::all_of(members, [](const auto& each) { return each.since.has_value(); });
  };
  world_.advance(complete, world_.now() + timeout);
  for (const auto& member : members) {
    if (!member.since) {
      receipt.missing.push_back(member.name);
      continue;
    }
    receipt.acknowledged.push_back({member.life.id, member.name, 0});
    receipt.elapsed =
        std::max(receipt.elapsed, std::chrono::duration_cast<std::chrono::microseconds>(*member.since - run.since));
  }
  std::ranges::sort(receipt.acknowledged, {}, &PeerAcknowledgement::peer);
  std::ranges::sort(receipt.missing);
  return receipt;
}

std::vector<Group> Process::groups(std::size_t bus) const {
  std::vector<Group> groups;
  for (const auto& [index, run] : runs_) {
    if (run->bus == bus) groups.push_back(run->group);
  }
  std::ranges::sort(groups);
  return groups;
}

Result<void> Process::drain(std::size_t bus, std::chrono::milliseconds timeout) {
  const auto running = [&] {
    return std::ranges::count_if(running_, [&](const auto& entry) { return entry.second.run->bus == bus; });
  };
  if (world_.inside_call())
    return evmesh::fail(ErrorCode::draining, "a call is still running on this thread");
  const auto self = shared_from_this();
  if (world_.advance([&] { return over_ || (running() == 0 && calls_planned_ == 0); }, world_.now() + timeout))
    return {};
  return evmesh::fail(ErrorCode::deadline_exceeded, std::to_string(running()) + " calls are still running");
}

/// No call comes any more.
void Process::release(std::size_t bus) {
  for (const auto& [handle, place] : std::map(audiences_[bus].places())) static_cast<void>(leave(*place, {}));
  for (const auto& [index, run] : std::map(runs_)) {
    if (run->bus == bus) static_cast<void>(leave(*run, Parting::destroyed, {}));
  }
}

}  // namespace evmesh::testing
