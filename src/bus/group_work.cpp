#include "bus/group_work.hpp"

#include <algorithm>
#include <utility>

#include "delivery/inbound_event.hpp"
#include "work/retry.hpp"

namespace evmesh::bus {

using delivery::Ending;
using delivery::Ran;

namespace {

bool handled(const Ran& ran) {
  return ran.ending == Ending::skipped ||
         (ran.ending == Ending::done && ran.outcome.kind() == Outcome::Kind::done);
}

std::string error_of(const Ran& ran) {
  if (ran.ending == Ending::failed) return ran.error;
  if (!ran.outcome.reason().empty()) return ran.outcome.reason();
  return ran.outcome.kind() == Outcome::Kind::retry ? "the listener asked to be run again"
                                                    : "refused without a reason";
}

/// True when no further attempt makes sense on this node.
bool final(const Ran& ran) {
  return ran.ending == Ending::done &&
         (ran.outcome.kind() == Outcome::Kind::refused || ran.outcome.kind() == Outcome::Kind::unknown_type);
}

}  // namespace

GroupWork::GroupWork(Services services, Settings settings, Group group, std::shared_ptr<Listener> listener)
    : services_(services),
      settings_(std::move(settings)),
      group_(std::move(group)),
      listener_(std::move(listener)),
      mode_(services.runner.mode_of(*listener_)),
      lane_(services.pool.open_lane(settings_.options.concurrency)),
      retries_(services.counters.named("evmesh_group_retries_total")),
      quota_(services.counters.named("evmesh_group_quota_refusals_total")) {}

void GroupWork::run_now(const Event& event, std::span<const RegistrationKey> keys, unsigned depth) {
  if (!gate_.enter()) return;
  // A call that waits inside another call of the group could wait for itself.
  if (depth > 1 && !services_.pool.try_enter(*lane_)) {
    gate_.leave();
    queue(event, keys);
    return;
  }
  if (depth <= 1) services_.pool.enter(*lane_);
  const Ran ran = attempt(event, 1, depth);
  services_.pool.leave(lane_);
  if (!handled(ran)) {
    Owed obligation = make(event, keys);
    if (take_on(*obligation)) {
      conclude(std::move(obligation), ran);
    } else {
      note(*obligation, error_of(ran));
      bury_unrun(std::move(obligation), "quota: too much is owed to the group");
    }
  }
  gate_.leave();
}

void GroupWork::queue(const Event& event, std::span<const RegistrationKey> keys) {
  Owed obligation = make(event, keys);
  if (take_on(*obligation)) {
    enqueue(std::move(obligation));
  } else {
    bury_unrun(std::move(obligation), "quota: too much is owed to the group");
  }
}

Ran GroupWork::attempt(const Event& event, std::uint32_t number, unsigned depth) {
  Delivery delivery{.event = event};
  delivery.group = &group_;
  delivery.attempt = number;
  return services_.runner.run(*listener_, delivery, depth);
}

GroupWork::Owed GroupWork::make(const Event& event, std::span<const RegistrationKey> keys) {
  auto obligation = std::make_unique<Obligation>(Obligation{event, {keys.begin(), keys.end()}, {}});
  obligation->bytes = delivery::memory_bytes(event);
  for (const RegistrationKey& key : keys) obligation->bytes += key.to_string().size();
  return obligation;
}

/// Counts the obligation; false when the group is owed too much already.
bool GroupWork::take_on(Obligation& obligation) {
  const std::lock_guard lock(mutex_);
  if (owed_ >= settings_.backlog_max || obligation.bytes > settings_.backlog_bytes_max - owed_bytes_) {
    quota_.add();
    return false;
  }
  ++owed_;
  owed_bytes_ += obligation.bytes;
  return true;
}

void GroupWork::let_go(const Obligation& obligation) {
  const std::lock_guard lock(mutex_);
  --owed_;
  owed_bytes_ -= obligation.bytes;
}

void GroupWork::enqueue(Owed obligation) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      services_.activity.begin();
      queued_.push_back(std::move(obligation));
    }
  }
  if (obligation) {
    let_go(*obligation);
    bury_unrun(std::move(obligation), "the group was unregistered");
    return;
  }
  // When the pool has stopped the obligation stays queued, and `close` buries it.
  services_.pool.submit(lane_, shared_from_this());
}

GroupWork::Owed GroupWork::take_queued() {
  const std::lock_guard lock(mutex_);
  if (queued_.empty()) return nullptr;
  Owed obligation = std::move(queued_.front());
  queued_.pop_front();
  return obligation;
}

void GroupWork::run() {
  Owed obligation = take_queued();
  if (!obligation) return;
  if (gate_.enter()) {
    const Ran ran = attempt(obligation->event, obligation->next_attempt, 1);
    conclude(std::move(obligation), ran);
    gate_.leave();
  } else {
    let_go(*obligation);
    bury_unrun(std::move(obligation), "the group was unregistered");
  }
  services_.activity.end();
}

void GroupWork::conclude(Owed obligation, const Ran& ran) {
  if (handled(ran)) {
    let_go(*obligation);
    return;
  }
  note(*obligation, error_of(ran));
  if (final(ran) || obligation->attempts.size() > settings_.options.retry.max_retries) {
    let_go(*obligation);
    bury(std::move(obligation));
    return;
  }
  wait_for_retry(std::move(obligation), ran.outcome.delay());
}

void GroupWork::note(Obligation& obligation, std::string error) const {
  obligation.attempts.push_back(
      {obligation.next_attempt++, services_.clock.wall(), settings_.node, std::move(error)});
}

void GroupWork::wait_for_retry(Owed obligation, std::chrono::milliseconds at_least) {
  const auto failed = static_cast<std::uint32_t>(obligation->attempts.size());
  const auto policy_delay =
      work::retry_delay(settings_.options.retry, failed, base::unit_interval(services_.random));
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = next_wait_++;
    if (!closed_) waiting_.emplace(number, std::move(obligation));
  }
  if (obligation) {
    let_go(*obligation);
    bury_unrun(std::move(obligation), "the group was unregistered");
    return;
  }
  retries_.add();
  const auto again = [self = weak_from_this(), number] {
    if (const auto work = self.lock()) work->retry(number);
  };
  if (services_.timers.after(std::max(policy_delay, at_least), again)) return;
  // Too many wait already, or the node has stopped.
  std::unique_lock lock(mutex_);
  auto waiting = waiting_.extract(number);
  lock.unlock();
  if (!waiting) return;
  let_go(*waiting.mapped());
  bury_unrun(std::move(waiting.mapped()), "quota: too many retries wait on this node");
}

void GroupWork::retry(std::uint64_t number) {
  Owed obligation;
  {
    const std::lock_guard lock(mutex_);
    const auto waiting = waiting_.find(number);
    if (waiting == waiting_.end()) return;
    obligation = std::move(waiting->second);
    waiting_.erase(waiting);
  }
  enqueue(std::move(obligation));
}

void GroupWork::bury(Owed obligation) {
  const Event& event = obligation->event;
  std::vector<std::pair<std::string, std::string>> fields{
      {"event_id", event.id().to_string()},
      {"type", event.type()},
      {"user", event.user()},
      {"group", group_.to_string()},
      {"attempts", std::to_string(obligation->attempts.size())},
      {"error", obligation->attempts.back().error}};
  const auto stored = services_.dead_letters.store(group_, event, std::move(obligation->keys),
                                                   std::move(obligation->attempts));
  if (stored) {
    fields.emplace_back("id", stored->to_string());
    services_.runner.log(LogLevel::warning, "dead_letter", std::move(fields));
  } else {
    fields.emplace_back("why", stored.error().message);
    services_.runner.log(LogLevel::error, "dead_letter_lost", std::move(fields));
  }
}

void GroupWork::bury_unrun(Owed obligation, std::string_view why) {
  note(*obligation, "not run: " + std::string(why));
  bury(std::move(obligation));
}

void GroupWork::close(std::string_view why) {
  std::deque<Owed> owed;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    services_.activity.end(static_cast<std::int64_t>(queued_.size()));
    owed.swap(queued_);
    for (auto& [number, obligation] : waiting_) owed.push_back(std::move(obligation));
    waiting_.clear();
  }
  for (Owed& obligation : owed) {
    let_go(*obligation);
    bury_unrun(std::move(obligation), why);
  }
}

}  // namespace evmesh::bus
