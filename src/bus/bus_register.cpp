#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "bus/bus.hpp"
#include "bus/registration.hpp"

namespace evmesh::bus {

using delivery::Place;
using delivery::Strand;

namespace {

/// Runs an application's callback on the pool.
class CallBack final : public delivery::Runnable {
 public:
  CallBack(std::shared_ptr<Bus> bus, const delivery::Runner& runner, std::function<void()> action)
      : bus_(std::move(bus)), runner_(runner), action_(std::move(action)) {}
  void run() override { runner_.call_back("on_drained", action_); }

 private:
  const std::shared_ptr<Bus> bus_;  // keeps the runner
  const delivery::Runner& runner_;
  const std::function<void()> action_;
};

}  // namespace

Result<Registration> Bus::register_listener(std::shared_ptr<Listener> listener,
                                            std::span<const RegistrationKey> keys, RegisterOptions options) {
  if (keys.empty()) {
    return fail(ErrorCode::invalid_argument, "no key to register under; give one, or use register_each_node");
  }
  std::vector<RegistrationKey> sorted(keys.begin(), keys.end());
  std::ranges::sort(sorted);
  const auto duplicates = std::ranges::unique(sorted);
  sorted.erase(duplicates.begin(), duplicates.end());
  return enrol(std::move(listener), std::move(sorted), false, options);
}

Result<Registration> Bus::register_each_node(std::shared_ptr<Listener> listener, RegisterOptions options) {
  if (settings_.mode == Mode::scale_efficient) {
    return fail(ErrorCode::each_node_refused,
                "each-node listeners need mode mono or broadcast and this node is " +
                    std::string(to_string(settings_.mode)) +
                    "; register keys, or start it in broadcast mode");
  }
  return enrol(std::move(listener), {}, true, options);
}

Result<Registration> Bus::enrol(std::shared_ptr<Listener> listener, std::vector<RegistrationKey> keys,
                                bool each_node, const RegisterOptions& options) {
  if (auto good = accepting(); !good) return tl::unexpected(good.error());
  if (!listener) return fail(ErrorCode::invalid_argument, "the listener is null");
  if (options.receipt_timeout.count() < 0) {
    return fail(ErrorCode::invalid_argument, "receipt_timeout is " +
                                                 std::to_string(options.receipt_timeout.count()) +
                                                 " ms; it must not be negative");
  }
  std::uint64_t handle = 0;
  {
    const std::unique_lock lock(mutex_);
    handle = next_handle_++;
  }
  // Made before the lock is taken because it asks the listener for its name; needed only if the listener is
  // new.
  const std::uint64_t inbox = options.inbox_bytes_max > 0 ? options.inbox_bytes_max : limits::inbox_bytes;
  const auto fresh = std::make_shared<Strand>(
      Strand::Services{runner_, services_.pool, activity_, services_.counters, crowding_},
      std::move(listener), Strand::Options{handle, options.serial, inbox});
  const auto place = std::make_shared<Place>();
  place->handle = handle;
  place->keys = std::move(keys);
  place->each_node = each_node;
  place->registered_at = services_.clock.now();

  Result<InterestChange> admitted;
  change_interest([&](std::uint64_t version) {
    admitted = admit(place, fresh, version);
    return admitted ? *admitted : InterestChange{};
  });
  if (!admitted) {
    registrations_refused_.add(admitted.error());
    return tl::unexpected(admitted.error());
  }
  // Owned from here on, so that a listener is never left behind.
  Registration registration(std::make_unique<PlaceRegistration>(weak_from_this(), place));
  if (options.receipt_timeout.count() > 0) {
    static_cast<void>(acknowledged(place->version, place->registered_at, options.receipt_timeout));
  }
  return registration;
}

std::uint64_t Bus::change_interest(const std::function<InterestChange(std::uint64_t)>& apply) {
  if (settings_.uplink == nullptr || !uplink_gate_.enter()) {
    apply(0);
    return 0;
  }
  const std::uint64_t version = settings_.uplink->change_interest(apply);
  uplink_gate_.leave();
  return version;
}

/// Puts a registration on the bus: all of its keys, or none.
Result<Bus::InterestChange> Bus::admit(const std::shared_ptr<Place>& place,
                                       const std::shared_ptr<Strand>& fresh, std::uint64_t version) {
  const Timestamp since = services_.clock.wall();
  const std::unique_lock lock(mutex_);
  if (closed_) return tl::unexpected(closed_error());
  auto strand = strand_for(fresh);
  if (!strand) return tl::unexpected(strand.error());
  if (auto held = hold_keys(place->keys); !held) return tl::unexpected(held.error());

  place->version = version;
  place->strand = *strand;
  place->gaps_before = (*strand)->gaps_told();
  strands_.insert_or_assign((*strand)->handle(), *strand);
  strand_of_.insert_or_assign(&(*strand)->listener(), *strand);
  places_.emplace(place->handle, place);
  listens_ = true;
  (*strand)->add(place);

  const registry::Entry entry{place->handle, (*strand)->handle(), version, since};
  InterestChange change;
  if (place->each_node && registry_.add_each_node(entry)) change.each_node = true;
  for (const RegistrationKey& key : place->keys) {
    if (registry_.add(key, entry).value_or(false)) change.added.push_back(key);
  }
  return change;
}

/// The strand of the listener, when it is registered already or still running; `fresh` otherwise. Under
/// mutex_.
Result<std::shared_ptr<Strand>> Bus::strand_for(const std::shared_ptr<Strand>& fresh) {
  const auto found = strand_of_.find(&fresh->listener());
  const auto known = found == strand_of_.end() ? nullptr : found->second.lock();
  if (!known) return fresh;
  if (known->serial() != fresh->serial()) {
    if (!known->oldest_version()) return fresh;  // unregistered, its last call is just ending
    return fail(ErrorCode::invalid_argument, "listener " + base::quoted(known->name()) + " is registered " +
                                                 (known->serial() ? "as serial" : "as not serial") +
                                                 " already; register it the same way, or use another object");
  }
  known->widen_inbox(fresh->inbox_bytes_max());
  return known;
}

/// Counts the keys that are new to this bus, for the whole node. Under mutex_.
Result<void> Bus::hold_keys(const std::vector<RegistrationKey>& keys) {
  const auto added = static_cast<std::uint64_t>(
      std::ranges::count_if(keys, [&](const RegistrationKey& key) { return !registry_.holds(key); }));
  const std::uint64_t before = services_.keys_held.fetch_add(added);
  if (added == 0 || before + added <= settings_.keys_max) return {};
  services_.keys_held.fetch_sub(added);
  return fail(ErrorCode::too_many_registrations, std::to_string(added) + " new keys on top of " +
                                                     std::to_string(before) + "; a node holds at most " +
                                                     std::to_string(settings_.keys_max) +
                                                     ", so unregister listeners or use coarser keys");
}

Unregistered Bus::leave(const std::shared_ptr<Place>& place, std::function<void()> on_drained) {
  if (place->gate.open()) withdraw(place);
  return close_gate(place->gate, std::move(on_drained));
}

void Bus::withdraw(const std::shared_ptr<Place>& place) {
  change_interest([&](std::uint64_t) { return expel(place); });
}

Bus::InterestChange Bus::expel(const std::shared_ptr<Place>& place) {
  InterestChange change;
  const std::unique_lock lock(mutex_);
  if (places_.erase(place->handle) == 0) return change;  // somebody else was faster
  listens_ = !places_.empty();
  if (place->each_node && registry_.remove_each_node(place->handle)) change.each_node = false;
  for (const RegistrationKey& key : place->keys) {
    if (registry_.remove(key, place->handle)) change.removed.push_back(key);
  }
  services_.keys_held -= change.removed.size();
  if (!place->strand->remove(*place)) return change;
  // The strand is found again while a call of it runs, so that the order holds across a new registration.
  strands_.erase(place->strand->handle());
  if (strand_of_.size() > 2 * strands_.size() + 64) {
    std::erase_if(strand_of_, [](const auto& row) { return row.second.expired(); });
  }
  return change;
}

Unregistered Bus::close_gate(delivery::CallGate& gate, std::function<void()> on_drained) {
  gate.close();
  if (runner_.depth() == 0) {
    gate.wait();
    return Unregistered::done;
  }
  if (on_drained) {
    gate.when_empty([bus = shared_from_this(), action = std::move(on_drained)]() mutable {
      const auto call_back = std::make_shared<CallBack>(bus, bus->runner_, std::move(action));
      if (!bus->services_.pool.submit(call_back)) call_back->run();
    });
  }
  return Unregistered::draining;
}

}  // namespace evmesh::bus
