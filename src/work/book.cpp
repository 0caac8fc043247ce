#include "work/book.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::work {
namespace {

constexpr std::size_t error_bytes_max = limits::attempt_error_bytes_max;

/// Of what is owed by an event in the journal, besides the event: ids, times and the name of a group.
constexpr std::uint64_t record_overhead = 96;

/// Of the newest events, besides the bound in bytes: what is over stands among them until its turn comes.
constexpr std::size_t newest_max = 65'536;

/// Cut where a character begins.
std::string_view shortened(std::string_view text) {
  if (text.size() <= error_bytes_max) return text;
  std::size_t end = error_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end);
}

}  // namespace

Book::Book(const NodeId& self, std::uint64_t event_bytes_max)
    : event_bytes_max_(event_bytes_max), nodes_{self} {}

GroupIndex Book::group(std::string_view bus, const Group& name) {
  if (const auto known = find_group(bus, name.to_string())) return *known;
  const auto index = static_cast<GroupIndex>(groups_.size());
  const std::uint64_t hash = storage::group_hash(bus, name.to_string());
  groups_.push_back({.bus = std::string(bus), .name = name, .hash = hash});
  groups_by_hash_.emplace(hash, index);
  return index;
}

std::optional<GroupIndex> Book::find_group(std::string_view bus, std::string_view name) const {
  const auto found = find_group(storage::group_hash(bus, name));
  // Two names of one hash are not worth a second way: the journal could not tell them apart either.
  return found && groups_[*found].bus == bus && groups_[*found].name.to_string() == name ? found
                                                                                         : std::nullopt;
}

std::optional<GroupIndex> Book::find_group(std::uint64_t hash) const {
  const auto found = groups_by_hash_.find(hash);
  return found == groups_by_hash_.end() ? std::nullopt : std::optional(found->second);
}

HeldSlot Book::hold(const DispatchId& id, const EventId& event_id, Timestamp time,
                    std::shared_ptr<const Parcel> event, std::uint64_t event_bytes) {
  const HeldSlot slot = held_.add();
  Held& held = held_[slot];
  held.seq = id.seq;
  held.life = life(id.owner, id.epoch);
  held.event_id = event_id;
  held.time = time;
  held.event_bytes = static_cast<std::uint32_t>(event_bytes);
  record_bytes_ += record_overhead + event_bytes;
  if (event && make_room(event->memory_bytes())) {
    if (event_bytes_ >= event_bytes_max_ / 2) newest_.emplace_back(slot, id.seq);
    event_bytes_ += event->memory_bytes();
    held.event = std::move(event);
  }
  link_held(slot);
  return slot;
}

/// Takes the memory from the oldest of the newest events.
bool Book::make_room(std::uint64_t memory_bytes) {
  if (newest_.size() == newest_max) forget_oldest_of_newest();
  while (!has_room(memory_bytes) && forget_oldest_of_newest()) {
  }
  return has_room(memory_bytes);
}

/// False when there is none.
bool Book::forget_oldest_of_newest() {
  if (newest_.empty()) return false;
  const auto [slot, seq] = newest_.front();
  newest_.pop_front();
  Held& held = held_[slot];
  if (held.seq != seq || !held.event) return true;  // over meanwhile
  event_bytes_ -= held.event->memory_bytes();
  held.event.reset();
  return true;
}

Slot Book::add(HeldSlot held, GroupIndex group, std::uint32_t generation) {
  const Slot slot = obligations_.add();
  Obligation& it = obligations_[slot];
  it.held = held;
  it.group = group;
  it.generation = generation;
  it.serial = ++serial_ & 0x7fff'ffff;  // the highest bit marks what is no obligation of this book
  it.next_of_held = std::exchange(held_[held].first, slot);
  link_group(slot);
  index_.add(hash(held_[held].life, held_[held].seq, group), slot);
  GroupState& sums = groups_[group];
  ++sums.of_state[static_cast<std::size_t>(State::ready)];
  ++sums.owed;
  sums.bytes += held_[held].event_bytes;
  ++owed_;
  return slot;
}

void Book::remove(Slot slot) {
  Obligation& it = obligations_[slot];
  GroupState& sums = groups_[it.group];
  const Held& held = held_[it.held];
  --sums.of_state[static_cast<std::size_t>(it.state)];
  --sums.owed;
  sums.bytes -= held.event_bytes;
  --owed_;
  index_.remove(hash(held.life, held.seq, it.group), slot);
  if (it.extra) {
    for (const Past& past : it.extra->history) errors_.release(past.error);
  }
  unlink_group(slot);
  leave_held(slot);
  obligations_.remove(slot);
}

void Book::leave_held(Slot slot) {
  const HeldSlot held_slot = obligations_[slot].held;
  Held& held = held_[held_slot];
  Slot* link = &held.first;
  while (*link != slot) link = &obligations_[*link].next_of_held;
  *link = obligations_[slot].next_of_held;
  if (held.first != none) return;
  if (held.event) event_bytes_ -= held.event->memory_bytes();
  record_bytes_ -= record_overhead + held.event_bytes;
  unlink_held(held_slot);
  held_.remove(held_slot);
}

std::optional<Slot> Book::find(const DispatchId& id, GroupIndex group) const {
  const auto life = lives_by_name_.find({id.owner, id.epoch});
  if (life == lives_by_name_.end()) return std::nullopt;
  return index_.find(hash(life->second, id.seq, group), [&](Slot slot) {
    const Held& held = held_[obligations_[slot].held];
    return obligations_[slot].group == group && held.seq == id.seq && held.life == life->second;
  });
}

std::optional<Slot> Book::slot(Handle handle) const {
  const auto slot = static_cast<Slot>((handle - 1) & 0xffffffffU);
  const auto serial = static_cast<std::uint32_t>((handle - 1) >> 32);
  const bool there =
      slot < obligations_.end() && obligations_[slot].serial == serial && obligations_[slot].held != none;
  return there ? std::optional(slot) : std::nullopt;
}

void Book::set(Slot slot, State state) {
  GroupState& sums = group_of(slot);
  --sums.of_state[static_cast<std::size_t>(obligations_[slot].state)];
  ++sums.of_state[static_cast<std::size_t>(state)];
  obligations_[slot].state = state;
}

Extra& Book::extra(Slot slot) {
  Obligation& it = obligations_[slot];
  if (!it.extra) it.extra = std::make_unique<Extra>();
  return *it.extra;
}

void Book::move_to_end(HeldSlot slot) {
  unlink_held(slot);
  link_held(slot);
}

HeldSlot Book::split(HeldSlot slot, std::size_t count) {
  const HeldSlot part = hold(id_of(held_[slot]), held_[slot].event_id, held_[slot].time, held_[slot].event,
                             held_[slot].event_bytes);
  for (; count > 0; --count) {
    const Slot moved = held_[slot].first;
    held_[slot].first = obligations_[moved].next_of_held;
    obligations_[moved].next_of_held = std::exchange(held_[part].first, moved);
    obligations_[moved].held = part;
  }
  return part;
}

std::uint32_t Book::add_bookmark() {
  const auto free = std::ranges::find(bookmarks_, false, &Bookmark::used);
  const auto number = static_cast<std::uint32_t>(free - bookmarks_.begin());
  if (free == bookmarks_.end()) bookmarks_.emplace_back();
  bookmarks_[number] = {first_held_, last_held_ == none ? 0 : held_[last_held_].position, true};
  return number;
}

DispatchId Book::id_of(const Held& held) const {
  const Life& life = lives_[held.life];
  return {life.first, life.second, held.seq};
}

void Book::add_past(Slot slot, const storage::PastAttempt& attempt) {
  auto& history = extra(slot).history;
  if (history.size() == limits::attempts_kept_max) {
    errors_.release(history.front().error);
    history.erase(history.begin());
  }
  history.push_back(
      {attempt.number, node(attempt.node), errors_.keep(shortened(attempt.error)), attempt.time});
}

storage::PastAttempt Book::past(const Past& past) const {
  return {past.number, past.time, nodes_[past.node], errors_.of(past.error)};
}

std::vector<Attempt> Book::attempts(Slot slot) const {
  std::vector<Attempt> attempts;
  if (!obligations_[slot].extra) return attempts;
  for (const Past& each : obligations_[slot].extra->history) {
    attempts.push_back({each.number, each.time, nodes_[each.node], std::string(errors_.of(each.error))});
  }
  return attempts;
}

std::uint32_t Book::life(const NodeId& owner, std::uint64_t epoch) {
  if (!lives_.empty() && lives_.back() == Life(owner, epoch))
    return static_cast<std::uint32_t>(lives_.size() - 1);
  const auto [place, fresh] = lives_by_name_.try_emplace({owner, epoch}, lives_.size());
  if (fresh) lives_.emplace_back(owner, epoch);
  return place->second;
}

std::uint32_t Book::node(const NodeId& id) {
  const auto found = std::ranges::find(nodes_, id);
  const auto number = static_cast<std::uint32_t>(found - nodes_.begin());
  if (found == nodes_.end()) nodes_.push_back(id);
  return number;
}

/// Neighbours in their owner's order are neighbours in the index: they come and go together.
std::uint64_t Book::hash(std::uint32_t life, std::uint64_t seq, GroupIndex group) {
  const std::uint64_t mixed = ((seq >> 3) * 0xff51afd7ed558ccdULL) ^ (std::uint64_t{life} << 40) ^
                              (std::uint64_t{group} * 0xc4ceb9fe1a85ec53ULL);
  return mixed << 3 | (seq & 7);
}

void Book::link_held(HeldSlot slot) {
  Held& held = held_[slot];
  held.before = std::exchange(last_held_, slot);
  held.after = none;
  (held.before == none ? first_held_ : held_[held.before].after) = slot;
}

void Book::unlink_held(HeldSlot slot) {
  const Held& held = held_[slot];
  for (Bookmark& mark : bookmarks_) {
    if (mark.at == slot) mark.at = held.after;
  }
  (held.before == none ? first_held_ : held_[held.before].after) = held.after;
  (held.after == none ? last_held_ : held_[held.after].before) = held.before;
}

void Book::link_group(Slot slot) {
  Obligation& it = obligations_[slot];
  GroupState& group = groups_[it.group];
  it.group_before = std::exchange(group.last, slot);
  (it.group_before == none ? group.first : obligations_[it.group_before].group_after) = slot;
}

void Book::unlink_group(Slot slot) {
  const Obligation& it = obligations_[slot];
  GroupState& group = groups_[it.group];
  (it.group_before == none ? group.first : obligations_[it.group_before].group_after) = it.group_after;
  (it.group_after == none ? group.last : obligations_[it.group_after].group_before) = it.group_before;
}

}  // namespace evmesh::work
