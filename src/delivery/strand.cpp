#include "delivery/strand.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.hpp"

namespace evmesh::delivery {
namespace {

// When an inbox counts as crowded, and when no longer, as parts of its bound (crowding.hpp).
constexpr std::uint64_t crowded_divisor = 8;
constexpr std::uint64_t calm_divisor = 16;

/// A queue gives its thread back after this many calls, so that the others get their turn.
constexpr std::size_t calls_per_turn = 64;

/// What is taken out of the inbox at once, and no longer counts there.
constexpr std::uint64_t part_bytes_max = 64 * limits::kib;

/// Gaps that one queue keeps apart; beyond it neighbours of one publisher life become one.
constexpr std::size_t gaps_max = 64;

/// Publishers come and go; queues of those that went are forgotten beyond this many.
constexpr std::size_t queues_max = 128;

/// Greater than the index of any key: an each-node registration matches after all keys.
constexpr std::size_t last_key = std::numeric_limits<std::size_t>::max();

bool one_life(const Gap& left, const Gap& right) {
  return left.publisher == right.publisher && left.epoch == right.epoch;
}

/// Appends `gap`, or lengthens the last one when there are too many.
void append(std::deque<Gap>& holes, const Gap& gap) {
  if (holes.size() < gaps_max || !one_life(holes.back(), gap)) {
    holes.push_back(gap);
    return;
  }
  holes.back().to = gap.to;
  holes.back().reason = GapReason::listener_overrun;
}

/// Notes that the event at `place` left; says whether that began a new hole.
bool note_shed(std::deque<Gap>& holes, const Origin& place) {
  const auto last = std::find_if(holes.rbegin(), holes.rend(),
                                 [&](const Gap& hole) { return hole.publisher == place.publisher; });
  if (last != holes.rend() && last->reason == GapReason::listener_overrun && last->epoch == place.epoch) {
    last->to = place.seq;
    return false;
  }
  append(holes, {place.publisher, place.epoch, place.seq, place.seq, GapReason::listener_overrun});
  return true;
}

}  // namespace

std::optional<Place::Found> Place::find(std::span<const std::string_view> texts) const {
  for (std::size_t index = 0; index < texts.size(); ++index) {
    const auto text = [](const RegistrationKey& key) { return std::string_view(key.to_string()); };
    if (std::ranges::binary_search(keys, texts[index], {}, text)) return Found{index};
  }
  if (each_node) return Found{};
  return std::nullopt;
}

Strand::Strand(Services services, std::shared_ptr<Listener> listener, Options options)
    : services_(services),
      listener_(std::move(listener)),
      options_(options),
      name_(services.runner.name_of(*listener_)),
      mode_(services.runner.mode_of(*listener_)),
      overruns_(services.counters.named("evmesh_listener_overruns_total")),
      shed_(services.counters.named("evmesh_listener_shed_events_total")),
      inbox_bytes_max_(options.inbox_bytes_max) {}

void Strand::add(std::shared_ptr<Place> place) {
  const std::lock_guard lock(mutex_);
  if (!closed_) places_.push_back(std::move(place));
}

bool Strand::remove(const Place& place) {
  const std::lock_guard lock(mutex_);
  std::erase_if(places_, [&](const std::shared_ptr<Place>& known) { return known.get() == &place; });
  return places_.empty();
}

std::uint64_t Strand::inbox_bytes_max() const {
  const std::lock_guard lock(mutex_);
  return inbox_bytes_max_;
}

void Strand::widen_inbox(std::uint64_t bytes_max) {
  const std::lock_guard lock(mutex_);
  inbox_bytes_max_ = std::max(inbox_bytes_max_, bytes_max);
}

std::optional<std::uint64_t> Strand::oldest_version() const {
  const std::lock_guard lock(mutex_);
  const auto oldest = std::ranges::min_element(
      places_, {}, [](const std::shared_ptr<Place>& place) { return place->version; });
  if (oldest == places_.end()) return std::nullopt;
  return (*oldest)->version;
}

std::optional<Strand::Entered> Strand::find_open(std::span<const std::string_view> key_texts) const {
  std::optional<Entered> best;
  for (const std::shared_ptr<Place>& place : places_) {
    if (!place->gate.open()) continue;
    const auto found = place->find(key_texts);
    if (!found || (best && found->key.value_or(last_key) >= best->key.value_or(last_key))) continue;
    best = Entered{place, found->key};
  }
  return best;
}

std::optional<Strand::Entered> Strand::enter(std::span<const std::string_view> key_texts) const {
  const std::lock_guard lock(mutex_);
  for (;;) {
    std::optional<Entered> entered = find_open(key_texts);
    // A gate that closed just now is not found again, so this ends.
    if (!entered || entered->place->gate.enter()) return entered;
  }
}

std::shared_ptr<Place> Strand::enter_any() const {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Place>& place : places_) {
    if (place->gate.enter()) return place;
  }
  return nullptr;
}

void Strand::offer(std::span<Call> calls) {
  if (calls.empty()) return;
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  Queue& queue = queue_for(calls.front().event->place().publisher);
  services_.activity.begin(static_cast<std::int64_t>(calls.size()));
  for (Call& call : calls) {
    bytes_ += call.event->size_bytes();
    ++events_;
    queue.items.push_back({std::move(call), arrivals_++});
    // One event always stays, so that one larger than the inbox still arrives.
    while (bytes_ > inbox_bytes_max_ && events_ > 1) shed();
  }
  note_crowding();
  schedule(queue);
}

void Strand::offer(const Gap& gap) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  Queue& queue = queue_for(gap.publisher);
  if (queue.items.empty()) {
    services_.activity.begin();
    const std::size_t before = queue.holes.size();
    append(queue.holes, gap);
    if (queue.holes.size() == before) services_.activity.end();
  } else {
    services_.activity.begin();
    queue.items.push_back({gap, arrivals_++});
  }
  schedule(queue);
}

void Strand::note_crowding() {
  const bool crowded = bytes_ > inbox_bytes_max_ / (crowded_ ? calm_divisor : crowded_divisor);
  if (crowded == crowded_) return;
  crowded_ = crowded;
  if (crowded)
    services_.crowding.entered();
  else
    services_.crowding.left();
}

Strand::Queue& Strand::queue_for(const NodeId& publisher) {
  const NodeId name = options_.serial ? NodeId{} : publisher;
  const auto found = queues_.find(name);
  if (found != queues_.end()) return *found->second;
  if (queues_.size() >= queues_max) forget_idle_queues();
  return *queues_.emplace(name, std::make_unique<Queue>(*this)).first->second;
}

void Strand::forget_idle_queues() {
  std::erase_if(queues_, [](const auto& row) { return row.second->empty() && !row.second->scheduled; });
}

/// Takes out the event that has waited longest, of whatever publisher.
void Strand::shed() {
  Queue* oldest = nullptr;
  for (const auto& [publisher, queue] : queues_) {
    while (!queue->items.empty() && std::holds_alternative<Gap>(queue->items.front().item)) {
      const std::size_t before = queue->holes.size();
      append(queue->holes, std::get<Gap>(queue->items.front().item));
      if (queue->holes.size() == before) services_.activity.end();
      queue->items.pop_front();
    }
    if (queue->items.empty()) continue;
    if (oldest == nullptr || queue->items.front().arrival < oldest->items.front().arrival) {
      oldest = queue.get();
    }
  }
  if (oldest != nullptr) shed_from(*oldest);
}

void Strand::shed_from(Queue& queue) {
  const auto event = std::get<Call>(std::move(queue.items.front().item)).event;
  queue.items.pop_front();
  bytes_ -= event->size_bytes();
  --events_;
  shed_.add();
  const std::size_t before = queue.holes.size();
  if (note_shed(queue.holes, event->place())) overruns_.add();
  // A new hole waits in the event's stead; otherwise one thing less waits.
  if (queue.holes.size() == before) services_.activity.end();
}

void Strand::schedule(Queue& queue) {
  if (queue.scheduled || queue.empty()) return;
  queue.scheduled = true;
  // Shares the ownership of the strand: what is scheduled keeps it alive.
  if (!services_.pool.submit(std::shared_ptr<Runnable>(shared_from_this(), &queue))) queue.scheduled = false;
}

void Strand::run(Queue& queue) {
  std::vector<Item> part;
  for (std::size_t calls = 0; take_part(queue, calls, part); calls += part.size()) {
    for (const Item& item : part) {
      deliver(item);
      services_.activity.end();
    }
  }
}

/// Takes what may run before others get their turn, `calls` having run already. False: the turn is over.
bool Strand::take_part(Queue& queue, std::size_t calls, std::vector<Item>& part) {
  part.clear();
  const std::lock_guard lock(mutex_);
  const std::uint64_t left = bytes_ - std::min(bytes_, part_bytes_max);
  while (!queue.empty() && calls + part.size() < calls_per_turn && (part.empty() || bytes_ > left)) {
    part.push_back(take(queue));
  }
  note_crowding();
  if (!part.empty()) return true;
  queue.scheduled = !queue.empty() && services_.pool.submit_next({shared_from_this(), &queue});
  return false;
}

Strand::Item Strand::take(Queue& queue) {
  if (!queue.holes.empty()) {
    const Gap hole = queue.holes.front();
    queue.holes.pop_front();
    return hole;
  }
  Item item = std::move(queue.items.front().item);
  queue.items.pop_front();
  if (const auto* call = std::get_if<Call>(&item)) {
    bytes_ -= call->event->size_bytes();
    --events_;
    if (crowded_) services_.crowding.took();
  }
  return item;
}

void Strand::deliver(const Item& item) {
  if (const auto* call = std::get_if<Call>(&item)) {
    deliver(*call);
  } else {
    deliver(std::get<Gap>(item));
  }
}

/// Through the registration that it matched, or another one of the listener when that is gone.
std::optional<Strand::Entered> Strand::enter(const Call& call) const {
  if (call.place && call.place->gate.enter()) return Entered{call.place, call.key};
  return enter(call.event->key_texts());
}

void Strand::deliver(const Call& call) {
  InboundEvent& event = *call.event;
  const std::optional<Entered> entered = enter(call);
  if (!entered) return;
  if (const InboundEvent::Decoded* decoded = event.open(services_.runner)) {
    Delivery delivery{.event = decoded->event};
    if (entered->key) delivery.key = &decoded->keys.at(*entered->key);
    delivery.origin = event.origin();
    static_cast<void>(services_.runner.run(*listener_, delivery, 1));
  }
  entered->place->gate.leave();
}

void Strand::deliver(const Gap& gap) {
  const std::shared_ptr<Place> place = enter_any();
  if (!place) return;
  // Logged here and not where the event left: offering is no place to call the application's log.
  if (gap.reason == GapReason::listener_overrun) log_overrun(gap);
  gaps_told_.fetch_add(1, std::memory_order_relaxed);
  services_.runner.gap(*listener_, gap);
  place->gate.leave();
}

void Strand::log_overrun(const Gap& gap) const {
  services_.runner.log(LogLevel::warning, "listener_overrun",
                       {{"listener", name_},
                        {"peer", gap.publisher.to_string()},
                        {"from", std::to_string(gap.from)},
                        {"to", gap.to ? std::to_string(*gap.to) : "end of life"},
                        {"why", "its inbox was full and the oldest events left it"}});
}

void Strand::close() {
  std::map<NodeId, std::deque<Queue::Waiting>> dropped;  // destroyed outside the lock
  std::vector<std::shared_ptr<Place>> places;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  places.swap(places_);
  for (const auto& [publisher, queue] : queues_) {
    services_.activity.end(static_cast<std::int64_t>(queue->items.size() + queue->holes.size()));
    queue->holes.clear();
    dropped[publisher].swap(queue->items);
  }
  bytes_ = 0;
  events_ = 0;
  note_crowding();
}

}  // namespace evmesh::delivery
