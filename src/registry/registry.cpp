#include "registry/registry.hpp"

#include <algorithm>
#include <string>
#include <tuple>

#include "base/text.hpp"

namespace evmesh::registry {
namespace {

auto find_registration(std::vector<Entry>& entries, RegistrationHandle registration) {
  return std::ranges::find(entries, registration, &Entry::registration);
}

/// Puts `entry` where its handle belongs; false when it is there already.
bool insert_once(std::vector<Entry>& entries, const Entry& entry) {
  const auto at = std::ranges::lower_bound(entries, entry.registration, {}, &Entry::registration);
  if (at != entries.end() && at->registration == entry.registration) return false;
  entries.insert(at, entry);
  return true;
}

/// Makes one match of those of the same listener, in the order of registration. `out` holds what was
/// collected from position `from` on; several keys, or one listener registered twice, give a listener more
/// than once.
void unite(Matches& out, std::size_t from) {
  const auto begin = out.begin() + static_cast<std::ptrdiff_t>(from);
  std::sort(begin, out.end(), [](const Match& left, const Match& right) {
    return std::tie(left.listener, left.key, left.registration) <
           std::tie(right.listener, right.key, right.registration);
  });
  auto last = begin;
  for (auto next = begin + 1; next != out.end(); ++next) {
    if (next->listener == last->listener) {
      last->version = std::min(last->version, next->version);
      last->registration = std::min(last->registration, next->registration);
    } else {
      *++last = *next;
    }
  }
  out.erase(last + 1, out.end());
  std::sort(begin, out.end(),
            [](const Match& left, const Match& right) { return left.registration < right.registration; });
}

}  // namespace

Registry::Registry(std::size_t keys_max) : keys_max_(keys_max) {}

Result<bool> Registry::add(const RegistrationKey& key, const Entry& entry) {
  const auto found = by_key_.find(key);
  if (found != by_key_.end()) {
    insert_once(found->second, entry);
    return false;
  }
  if (by_key_.size() >= keys_max_) {
    return fail(ErrorCode::too_many_registrations,
                "cannot register " + base::quoted(key.to_string()) + ": this node holds " +
                    std::to_string(keys_max_) + " keys already; unregister listeners or use each-node ones");
  }
  by_key_.emplace(key, std::vector<Entry>{entry});
  return true;
}

bool Registry::remove(const RegistrationKey& key, RegistrationHandle registration) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return false;
  auto& entries = found->second;
  const auto at = find_registration(entries, registration);
  if (at == entries.end()) return false;
  entries.erase(at);
  if (!entries.empty()) return false;
  by_key_.erase(found);
  return true;
}

bool Registry::add_each_node(const Entry& entry) {
  const bool first = each_node_.empty();
  insert_once(each_node_, entry);
  return first;
}

bool Registry::remove_each_node(RegistrationHandle registration) {
  const auto at = find_registration(each_node_, registration);
  if (at == each_node_.end()) return false;
  each_node_.erase(at);
  return each_node_.empty();
}

Result<void> Registry::add_group(const Group& group, RegistrationHandle registration) {
  if (groups_.try_emplace(group, registration).second) return {};
  return fail(ErrorCode::group_already_registered,
              "group " + base::quoted(group.to_string()) +
                  " is already registered on this bus; unregister its listener first");
}

bool Registry::remove_group(const Group& group, RegistrationHandle registration) {
  const auto found = groups_.find(group);
  if (found == groups_.end() || found->second != registration) return false;
  groups_.erase(found);
  return true;
}

template <class Key>
void Registry::collect(std::span<const Key> keys, Matches& out) const {
  for (std::size_t index = 0; index < keys.size(); ++index) {
    const auto found = by_key_.find(keys[index]);
    if (found == by_key_.end()) continue;
    for (const Entry& entry : found->second) {
      out.push_back({entry.listener, entry.registration, entry.version, index, entry.registration});
    }
  }
}

void Registry::collect_each_node(Matches& out) const {
  for (const Entry& entry : each_node_) {
    out.push_back({entry.listener, entry.registration, entry.version, no_key, entry.registration});
  }
}

void Registry::match(std::span<const RegistrationKey> keys, Matches& out) const {
  const std::size_t from = out.size();
  collect(keys, out);
  if (out.size() - from > 1) unite(out, from);
}

void Registry::match(std::span<const std::string_view> keys, Matches& out) const {
  const std::size_t from = out.size();
  collect(keys, out);
  if (out.size() - from > 1) unite(out, from);
}

void Registry::match_with_each_node(std::span<const RegistrationKey> keys, Matches& out) const {
  const std::size_t from = out.size();
  collect(keys, out);
  collect_each_node(out);
  if (out.size() - from > 1) unite(out, from);
}

void Registry::match_with_each_node(std::span<const std::string_view> keys, Matches& out) const {
  const std::size_t from = out.size();
  collect(keys, out);
  collect_each_node(out);
  if (out.size() - from > 1) unite(out, from);
}

std::span<const Entry> Registry::entries(const RegistrationKey& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return {};
  return found->second;
}

std::vector<RegistrationKey> Registry::keys() const {
  std::vector<RegistrationKey> all;
  all.reserve(by_key_.size());
  for (const auto& [key, entries] : by_key_) all.push_back(key);
  std::ranges::sort(all);
  return all;
}

std::vector<Group> Registry::groups() const {
  std::vector<Group> all;
  all.reserve(groups_.size());
  for (const auto& [group, registration] : groups_) all.push_back(group);
  return all;
}

}  // namespace evmesh::registry
