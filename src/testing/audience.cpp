#include "testing/audience.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::testing {

Audience::Audience() : registry_(limits::keys_per_node_max) {}

Result<Audience::Change> Audience::add(const std::shared_ptr<Place>& place, Timestamp since) {
  const auto known = std::ranges::find_if(
      places_, [&](const auto& entry) { return entry.second->listener == place->listener; });
  if (known != places_.end() && known->second->serial != place->serial) {
    return fail(ErrorCode::invalid_argument, "listener " + base::quoted(place->name) +
                                                 " is registered with another `serial` already; register it the "
                                                 "same way, or use another object");
  }
  place->handle = ++last_handle_;
  place->listener_handle = known != places_.end() ? known->second->listener_handle : place->handle;
  const registry::Entry entry{place->handle, place->listener_handle, place->version, since};
  Change change;
  for (const RegistrationKey& key : place->keys) {
    const auto first = registry_.add(key, entry);
    if (!first) {
      remove(*place);
      return tl::unexpected(first.error());
    }
    if (*first) change.added.push_back(key);
  }
  if (place->each_node && registry_.add_each_node(entry)) change.each_node = true;
  places_.emplace(place->handle, place);
  return change;
}

Audience::Change Audience::remove(Place& place) {
  Change change;
  for (const RegistrationKey& key : place.keys) {
    if (registry_.remove(key, place.handle)) change.removed.push_back(key);
  }
  if (place.each_node && registry_.remove_each_node(place.handle)) change.each_node = false;
  place.open = false;
  places_.erase(place.handle);
  return change;
}

std::vector<Audience::Heard> Audience::match(std::span<const RegistrationKey> keys) const {
  registry::Matches matches;
  registry_.match_with_each_node(keys, matches);
  std::vector<Heard> heard;
  for (const registry::Match& match : matches) {
    heard.push_back({places_.at(match.registration),
                     match.key == registry::no_key ? std::nullopt : std::optional(match.key)});
  }
  return heard;
}

std::optional<Audience::Heard> Audience::match(registry::ListenerHandle listener,
                                               std::span<const RegistrationKey> keys) const {
  for (const Heard& heard : match(keys)) {
    if (heard.place->listener_handle == listener) return heard;
  }
  return std::nullopt;
}

void Audience::match(std::span<const std::string_view> keys, std::vector<routing::Match>& out) const {
  registry::Matches matches;
  registry_.match_with_each_node(keys, matches);
  for (const registry::Match& match : matches) {
    const auto key = match.key == registry::no_key ? std::nullopt : std::optional(match.key);
    out.push_back({match.listener, match.version, key, match.holder});
  }
}

void Audience::everyone(std::vector<routing::Match>& out) const {
  std::map<registry::ListenerHandle, std::uint64_t> oldest;
  for (const auto& [handle, place] : places_) {
    const auto [entry, fresh] = oldest.try_emplace(place->listener_handle, place->version);
    entry->second = std::min(entry->second, place->version);
  }
  for (const auto& [listener, version] : oldest) out.push_back({listener, version, std::nullopt, 0});
}

std::shared_ptr<Place> Audience::any(registry::ListenerHandle listener) const {
  for (const auto& [handle, place] : places_) {
    if (place->listener_handle == listener) return place;
  }
  return nullptr;
}

}  // namespace evmesh::testing
