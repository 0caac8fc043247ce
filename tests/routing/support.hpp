#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "routing/outbox.hpp"
#include "routing/types.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::routing::test {

using namespace std::chrono_literals;

inline constexpr MonoTime start_time{std::chrono::hours{1}};

[[nodiscard]] inline Life life(unsigned number, std::uint64_t epoch = 1) {
  NodeId id;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return {id, epoch};
}

[[nodiscard]] inline RegistrationKey key(const std::string& value) { return *RegistrationKey::make("Key", value); }

[[nodiscard]] inline std::uint64_t hash(const std::string& value) { return wire::interest_hash("bus", "Key:" + value); }

/// An event on these keys, as it travels.
[[nodiscard]] inline std::string encoded(const std::vector<std::string>& keys) {
  EventFields fields;
  fields.id.bytes[0] = 1;
  fields.type = "Made";
  fields.time = Timestamp{std::chrono::seconds{1}};
  fields.payload = "payload";
  std::vector<RegistrationKey> parsed;
  for (const std::string& value : keys) parsed.push_back(key(value));
  std::string bytes;
  wire::encode_event(Event(std::move(fields)), parsed, PayloadFormat::raw, bytes);
  return bytes;
}

/// Listeners by number, each with one key (empty: each-node) and the version it was registered with.
class Listeners final : public ListenerLookup {
 public:
  struct Entry {
    ListenerHandle listener = 0;
    std::string key;
    std::uint64_t version = 0;
  };
  std::vector<Entry> entries;
  bool busy = false;  // on every bus

  [[nodiscard]] bool crowded(std::size_t) const override { return busy; }
  void match(std::size_t, std::span<const std::string_view> keys, std::vector<Match>& out) const override {
    for (const Entry& entry : entries) {
      const auto found = std::ranges::find(keys, "Key:" + entry.key);
      if (entry.key.empty()) out.push_back({entry.listener, entry.version, std::nullopt, 0});
      else if (found != keys.end()) out.push_back({entry.listener, entry.version, found - keys.begin(), 0});
    }
  }
  void everyone(std::size_t, std::vector<Match>& out) const override {
    std::map<ListenerHandle, std::uint64_t> oldest;
    for (const Entry& entry : entries) {
      const auto place = oldest.try_emplace(entry.listener, entry.version).first;
      place->second = std::min(place->second, entry.version);
    }
    for (const auto& [listener, version] : oldest) out.push_back({listener, version, std::nullopt, 0});
  }
};

/// The actions of one kind, in order.
template <class T>
[[nodiscard]] std::vector<T> all(const Actions& actions) {
  std::vector<T> found;
  for (const Action& action : actions) {
    if (const T* it = std::get_if<T>(&action)) found.push_back(*it);
  }
  return found;
}

/// (listener, number) of what is delivered, and (listener, from, to) of gaps, in order; `to` 0: until the end.
using Delivered = std::vector<std::pair<ListenerHandle, std::uint64_t>>;
using Gaps = std::vector<std::tuple<ListenerHandle, std::uint64_t, std::uint64_t>>;

[[nodiscard]] inline Delivered delivered(const Actions& actions) {
  Delivered list;
  for (const Deliver& it : all<Deliver>(actions)) {
    for (const Deliver::Item& item : it.items) list.emplace_back(it.listener, it.arrivals->events()[item.event].seq);
  }
  return list;
}

[[nodiscard]] inline Gaps gaps(const Actions& actions) {
  Gaps list;
  for (const DeliverGap& it : all<DeliverGap>(actions)) list.emplace_back(it.listener, it.gap.from, it.gap.to.value_or(0));
  return list;
}

[[nodiscard]] inline wire::Buffer buffer(std::string bytes) {
  const auto owner = std::make_shared<const std::string>(std::move(bytes));
  return {owner, *owner};
}

/// A frame that was sent or published, with the bytes its slices point into.
struct Sent {
  Life to;
  Class frame_class = Class::control;
  wire::Buffer bytes;
  wire::Frame frame;
};

[[nodiscard]] inline std::vector<Sent> sent(const Actions& actions) {
  std::vector<Sent> list;
  for (const SendFrame& it : all<SendFrame>(actions)) {
    const wire::Buffer bytes = buffer(it.bytes);
    list.push_back({it.to, it.frame_class, bytes, *wire::decode(bytes.bytes)});
  }
  return list;
}

/// The bodies of one kind that are sent to `to`, in order.
template <class T>
[[nodiscard]] std::vector<T> sent(const Actions& actions, const Life& to) {
  std::vector<T> bodies;
  for (const Sent& it : sent(actions)) {
    if (it.to != to) continue;
    if (const T* body = std::get_if<T>(&it.frame.body)) bodies.push_back(*body);
  }
  return bodies;
}

[[nodiscard]] inline std::vector<std::uint64_t> numbers(const wire::Notify& notify) {
  std::vector<std::uint64_t> list;
  for (const auto& event : notify.events) list.push_back(event.seq);
  return list;
}

/// The same room for everybody.
class Plenty final : public Room {
 public:
  std::uint64_t bytes = 1 << 20;
  [[nodiscard]] std::uint64_t room_bytes(const Life&, Class) const override { return bytes; }
};

}  // namespace evmesh::routing::test
