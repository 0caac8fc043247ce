#include "work/required.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "wire/digest.hpp"

namespace evmesh::work {

namespace {

using namespace std::chrono_literals;

// What was told is told again when this has passed without an answer, then after twice as long, and so on.
constexpr std::chrono::milliseconds patience_first = 1s;
constexpr std::chrono::milliseconds patience_max = 30s;

// Beats in a row that disagree before everything is told again; one may have crossed a change.
constexpr std::uint32_t mismatches_max = 2;
constexpr std::chrono::milliseconds whole_pause = 10s;

// Requests of one member whose answers are still believed, and answers that wait for our disk.
constexpr std::size_t requests_max = 64;
constexpr std::size_t dues_max = 4'096;

constexpr std::size_t entry_bytes = 78;  // without its texts

std::size_t size_of(const wire::GroupEntry& entry) {
  return entry_bytes + entry.bus.size() + entry.group.size() + entry.pause_reason.size();
}

/// The higher version is right, then the higher writer. A writer whose disk was rolled back may say one number twice: then any
/// order will do that all members share.
bool above(const wire::GroupEntry& left, const wire::GroupEntry& right) {
  const auto order = [](const wire::GroupEntry& entry) {
    return std::tuple(entry.version, entry.writer, wire::digest_of_group(entry));
  };
  return order(left) > order(right);
}

}  // namespace

void RequiredGroups::load(Entry entry) {
  Slot& slot = slots_[key_of(entry)];
  if (!slot.kept || above(entry, *slot.kept)) put_in_force(slot, std::move(entry));
}

const RequiredGroups::Entry* RequiredGroups::find(std::string_view bus, std::string_view group) const {
  const auto slot = slots_.find(Key(bus, group));
  return slot == slots_.end() ? nullptr : &slot->second.latest();
}

std::vector<RequiredGroups::Entry> RequiredGroups::entries() const {
  std::vector<Entry> all;
  for (const auto& [key, slot] : slots_) {
    if (slot.kept) all.push_back(*slot.kept);
  }
  return all;
}

void RequiredGroups::put_in_force(Slot& slot, Entry entry) {
  if (slot.kept && slot.kept->present) digest_ ^= wire::digest_of_group(*slot.kept);
  if (entry.present) digest_ ^= wire::digest_of_group(entry);
  slot.removed = entry.present ? 0 : ++removals_;
  slot.kept = std::move(entry);
}

bool RequiredGroups::full() const { return slots_.size() >= limits::required_groups_max; }

/// At the bound, what was removed longest ago is forgotten: a node that was away since may bring it back.
bool RequiredGroups::make_room() {
  if (!full()) return true;
  auto oldest = slots_.end();
  for (auto slot = slots_.begin(); slot != slots_.end(); ++slot) {
    if (slot->second.removed == 0 || slot->second.next) continue;
    if (oldest == slots_.end() || slot->second.removed < oldest->second.removed) oldest = slot;
  }
  if (oldest == slots_.end()) return false;
  keeps_.push_back({0, *oldest->second.kept, true});
  for (auto& [life, member] : members_) {
    member.known.erase(oldest->first);
    member.wanting.erase(oldest->first);
  }
  slots_.erase(oldest);
  return true;
}

std::uint64_t RequiredGroups::begin(const Key& key, Entry entry) {
  Slot& slot = slots_[key];
  const std::uint64_t change = ++last_change_;
  keeps_.push_back({change, entry, options_.alone && !entry.present});
  changes_.emplace(change, entry);
  slot.next = std::move(entry);
  slot.next_change = change;
  return change;
}

Result<std::uint64_t> RequiredGroups::change(Turn turn, std::string_view bus, std::string_view group,
                                             const std::function<void(Entry&)>& what) {
  const Key key(bus, group);
  const auto slot = slots_.find(key);
  Entry entry;
  if (slot != slots_.end()) entry = slot->second.latest();
  entry.bus = bus;
  entry.group = group;
  what(entry);
  if (slot != slots_.end() && entry == slot->second.latest()) {
    if (slot->second.next) return slot->second.next_change;
    for (auto& [life, member] : members_) {
      const auto known = member.known.find(key);
      if (known == member.known.end() || known->second.mark != mark_of(entry)) tell(turn, life, member, {key});
    }
    return 0;
  }
  if (slot == slots_.end() && !make_room()) {
    return fail(ErrorCode::too_many_registrations,
                "group " + base::quoted(group) + " is one too many: the mesh requires " +
                    std::to_string(slots_.size()) + " groups already, of all buses together; remove one first");
  }
  entry.version = slot == slots_.end() ? 1 : entry.version + 1;
  entry.writer = options_.self.id;
  return begin(key, std::move(entry));
}

std::optional<KeepGroup> RequiredGroups::next_keep() {
  if (keeps_.empty()) return std::nullopt;
  KeepGroup next = std::move(keeps_.front());
  keeps_.pop_front();
  return next;
}

void RequiredGroups::kept(Turn turn, std::uint64_t change, bool good) {
  const auto made = changes_.find(change);
  if (made == changes_.end()) return;
  const Entry entry = std::move(made->second);
  changes_.erase(made);
  const Key key = key_of(entry);
  Slot& slot = slots_[key];
  if (slot.next_change == change) slot.next.reset();
  if (good) put_in_force(slot, entry);
  // Without its acknowledgement, whoever wrote it says it again.
  if (!good) std::erase_if(dues_, [&](const Due& due) { return due.changes.contains(change); });
  if (!slot.next && (!slot.kept || (options_.alone && !slot.kept->present))) slots_.erase(key);
  if (!good) return;

  for (auto& [life, member] : members_) {
    const auto known = member.known.find(key);
    const bool has_it = known != member.known.end() && known->second.mark == mark_of(entry);
    if (!has_it && entry.writer == options_.self.id) tell(turn, life, member, {key});
  }
  for (Due& due : dues_) {
    due.changes.erase(change);
    if (due.changes.empty() && members_.contains(due.to)) send(turn, due.to, wire::GroupsAck{due.request});
  }
  std::erase_if(dues_, [](const Due& due) { return due.changes.empty(); });
}

void RequiredGroups::member_up(Turn turn, const Life& life, std::string name) {
  Member& member = members_[life];
  member = Member{};
  member.name = std::move(name);
  tell_all(turn, life, member);
}

void RequiredGroups::member_down(const Life& life) {
  members_.erase(life);
  std::erase_if(dues_, [&](const Due& due) { return due.to == life; });
}

/// The change that must be kept before the entry is; 0: there is none; nothing: there is no room for it.
std::optional<std::uint64_t> RequiredGroups::merge(const Entry& entry) {
  const Key key = key_of(entry);
  const auto slot = slots_.find(key);
  if (slot == slots_.end()) {
    // A group that was removed and one never heard of are the same.
    if (full() && !entry.present) return 0;
    return make_room() ? std::optional(begin(key, entry)) : std::nullopt;
  }
  if (above(entry, slot->second.latest())) return begin(key, entry);
  return slot->second.next && entry == *slot->second.next ? slot->second.next_change : 0;
}

void RequiredGroups::on(Turn turn, const Life& from, const wire::Groups& groups) {
  const auto member = members_.find(from);
  if (member == members_.end()) return;
  Due due{from, groups.request, {}};
  bool all = true;
  std::vector<Key> better;  // known here
  for (const Entry& entry : groups.entries) {
    const Key key = key_of(entry);
    knows(turn, member->second, key, mark_of(entry));  // it has on its disk what it tells
    const auto change = merge(entry);
    all = all && change;
    if (change && *change != 0) due.changes.insert(*change);
    const auto slot = slots_.find(key);
    if (slot != slots_.end() && slot->second.kept && above(*slot->second.kept, entry)) better.push_back(key);
  }
  if (!better.empty()) tell(turn, from, member->second, better);
  if (groups.request == 0 || !all) return;
  if (due.changes.empty()) return send(turn, from, wire::GroupsAck{groups.request});
  if (dues_.size() < dues_max) dues_.push_back(std::move(due));
}

void RequiredGroups::knows(Turn turn, Member& member, const Key& key, const Mark& mark) {
  if (full() && !slots_.contains(key)) return;
  Known& known = member.known.try_emplace(key, Known{mark, turn.now}).first->second;
  if (mark > known.mark) known = {mark, turn.now};
  const auto wanting = member.wanting.find(key);
  if (wanting != member.wanting.end() && wanting->second <= known.mark) member.wanting.erase(wanting);
}

void RequiredGroups::on(Turn turn, const Life& from, const wire::GroupsAck& ack) {
  const auto member = members_.find(from);
  if (member == members_.end()) return;
  const auto request = member->second.requests.find(ack.request);
  if (request == member->second.requests.end()) return;
  for (const auto& [key, mark] : std::exchange(request->second, {})) {
    knows(turn, member->second, key, mark);
  }
  member->second.requests.erase(request);
  member->second.patience = patience_first;
}

void RequiredGroups::on_digest(Turn turn, const Life& from, std::uint64_t digest) {
  const auto found = members_.find(from);
  if (found == members_.end()) return;
  Member& member = found->second;
  if (digest == digest_) {
    member.mismatches = 0;
    for (const auto& [key, slot] : slots_) {
      if (slot.kept) knows(turn, member, key, mark_of(*slot.kept));
    }
    return;
  }
  ++member.mismatches;
  const bool late = !member.whole_again || turn.now >= *member.whole_again;
  if (member.mismatches < mismatches_max || !member.wanting.empty() || !late) return;
  member.mismatches = 0;
  member.whole_again = turn.now + whole_pause;
  tell_all(turn, from, member);
}

void RequiredGroups::tell_all(Turn turn, const Life& to, Member& member) {
  std::vector<Key> keys;
  for (const auto& [key, slot] : slots_) {
    if (slot.kept) keys.push_back(key);
  }
  tell(turn, to, member, keys);
}

/// In as many frames as that takes; `keys` ascend.
void RequiredGroups::tell(Turn turn, const Life& to, Member& member, const std::vector<Key>& keys) {
  wire::Groups groups;
  std::size_t bytes = 0;
  const auto flush = [&] {
    if (groups.entries.empty()) return;
    groups.request = ++last_request_;
    auto& request = member.requests[groups.request];
    for (const Entry& entry : groups.entries) request.emplace_back(key_of(entry), mark_of(entry));
    if (member.requests.size() > requests_max) member.requests.erase(member.requests.begin());
    send(turn, to, groups);
    groups.entries.clear();
    bytes = 0;
  };
  if (member.wanting.empty()) member.patience = patience_first;
  for (const Key& key : keys) {
    const Entry& entry = *slots_.at(key).kept;
    if (bytes + size_of(entry) > limits::packed_message_bytes_max - limits::kib) flush();
    bytes += size_of(entry);
    groups.entries.push_back(entry);
    member.wanting[key] = mark_of(entry);
  }
  flush();
  member.again = turn.now + member.patience;
}

void RequiredGroups::tick(Turn turn) {
  for (auto& [life, member] : members_) {
    if (member.wanting.empty() || turn.now < member.again) continue;
    std::vector<Key> keys;
    for (const auto& [key, mark] : member.wanting) keys.push_back(key);
    member.patience = std::min(member.patience * 2, patience_max);
    tell(turn, life, member, keys);
  }
}

std::optional<MonoTime> RequiredGroups::next_deadline() const {
  std::optional<MonoTime> first;
  for (const auto& [life, member] : members_) {
    if (!member.wanting.empty() && (!first || member.again < *first)) first = member.again;
  }
  return first;
}

std::vector<RequiredGroups::Knows> RequiredGroups::who_knows(std::string_view bus,
                                                             std::string_view group) const {
  std::vector<Knows> all;
  const Key key(bus, group);
  const auto slot = slots_.find(key);
  if (slot == slots_.end()) return all;
  for (const auto& [life, member] : members_) {
    const auto known = member.known.find(key);
    const bool has_it = known != member.known.end() && known->second.mark >= mark_of(slot->second.latest());
    all.push_back({life, member.name, has_it ? std::optional(known->second.at) : std::nullopt});
  }
  return all;
}

void RequiredGroups::send(Turn turn, const Life& to, const wire::Body& body) const {
  wire::Header header;
  header.from = options_.self.id;
  header.from_epoch = options_.self.epoch;
  header.to = to.id;
  header.to_epoch = to.epoch;
  turn.frames.push_back({to, wire::Class::control, wire::encode(header, body)});
}

}  // namespace evmesh::work
