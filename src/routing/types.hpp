#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <evmesh/bus.hpp>
#include <evmesh/listener.hpp>

#include "base/clock.hpp"
#include "base/log_sink.hpp"
#include "wire/frames.hpp"
#include "wire/life.hpp"

namespace evmesh::routing {

using base::MonoTime;
using wire::Class;
using wire::Life;

/// A registered listener of this node, by the number its bus gave it.
using ListenerHandle = std::uint64_t;

/// Events of one frame as they arrived. One for all of them, because a busy publisher packs hundreds into a frame.
class Arrivals {
 public:
  struct Arrival {
    std::uint64_t seq = 0;
    std::string_view bytes;  ///< the encoded event
    std::size_t first_key = 0;
    std::size_t keys = 0;
  };

  /// `frame` owns the bytes of all events.
  Arrivals(Life publisher, wire::Buffer frame) : publisher_(publisher), frame_(std::move(frame)) {}

  /// Appends an event; false, and nothing is changed, when its keys cannot be read.
  [[nodiscard]] bool add(const wire::EventSlice& event);

  /// Takes the last one back.
  void pop_back();

  [[nodiscard]] const std::vector<Arrival>& events() const { return events_; }
  [[nodiscard]] const std::shared_ptr<const void>& owner() const { return frame_.owner; }
  [[nodiscard]] Origin origin(std::size_t index) const {
    return {publisher_.id, publisher_.epoch, events_[index].seq};
  }
  /// Views into the event's bytes; valid until the next `add`.
  [[nodiscard]] std::span<const std::string_view> keys(std::size_t index) const {
    return std::span(keys_).subspan(events_[index].first_key, events_[index].keys);
  }

 private:
  Life publisher_;
  wire::Buffer frame_;
  std::vector<Arrival> events_;
  std::vector<std::string_view> keys_;
};

/// A listener that an event or a gap concerns.
struct Match {
  ListenerHandle listener = 0;
  std::uint64_t version = 0;            ///< announcement version its registration came with
  std::optional<std::size_t> key;       ///< index of the first key that matched; empty: each-node
  std::uint64_t registration = 0;       ///< the one that matched, as its bus numbers them
};

/// Who listens on this node. The registry of each bus stands behind it.
class ListenerLookup {
 public:
  ListenerLookup() = default;
  ListenerLookup(const ListenerLookup&) = delete;
  ListenerLookup& operator=(const ListenerLookup&) = delete;
  virtual ~ListenerLookup() = default;

  /// Appends the listeners of `keys` (exact match, each listener once) and the each-node listeners of the bus.
  virtual void match(std::size_t bus, std::span<const std::string_view> keys, std::vector<Match>& out) const = 0;

  /// Appends every key and each-node listener of the bus.
  virtual void everyone(std::size_t bus, std::vector<Match>& out) const = 0;

  /// Listeners of the bus that do go on have more waiting than they should; publishers are to be held back.
  [[nodiscard]] virtual bool crowded(std::size_t) const { return false; }
};

// What the machine wants done.

/// Send an encoded frame to a peer that is up.
struct SendFrame {
  Life to;
  Class frame_class = Class::control;
  std::string bytes;
};
/// Send an encoded frame on the notification socket.
struct PublishFrame {
  std::string bytes;
};
/// Give events of one frame to a listener, in this order.
struct Deliver {
  struct Item {
    std::size_t event = 0;  // of `arrivals`
    std::optional<std::size_t> key;
    std::uint64_t registration = 0;
  };
  std::size_t bus = 0;
  ListenerHandle listener = 0;
  std::shared_ptr<const Arrivals> arrivals;  // shared: all listeners of this node read the same bytes
  std::vector<Item> items;
};
/// Tell a listener of missing notifications, in this place of the order.
struct DeliverGap {
  std::size_t bus = 0;
  ListenerHandle listener = 0;
  Gap gap;
};
/// Acknowledgements or reports came in, or peers changed: whoever waits should look again.
struct Progress {};
/// A line for the log.
struct Note {
  LogLevel level = LogLevel::info;
  std::string message;
  base::LogFields fields;
};

using Action = std::variant<SendFrame, PublishFrame, Deliver, DeliverGap, Progress, Note>;
using Actions = std::vector<Action>;

/// How much a link can take now.
class Room {
 public:
  virtual ~Room() = default;

  /// Bytes of `frame_class` that may be sent to the peer now without piling up; 0: none.
  [[nodiscard]] virtual std::uint64_t room_bytes(const Life& to, Class frame_class) const = 0;
};

struct Timings {
  std::chrono::milliseconds out_of_step{100};  ///< who keeps the window shut without getting further
  std::chrono::milliseconds head_after_burst{50};
  std::chrono::milliseconds head_while_lagging{500};
  std::chrono::milliseconds repair_again{1'000};
  std::chrono::milliseconds report_held{5};    ///< look again whether listeners have caught up
  std::chrono::milliseconds resend{1'000};  ///< unanswered SUBSCRIBE and unacknowledged announcements
};

struct Options {
  Life self;
  Mode mode = Mode::broadcast;
  std::vector<std::string> buses;
  std::uint64_t ring_bytes_max = 64 << 20;
  std::uint64_t window_bytes = 8 << 20;
  std::uint64_t held_bytes_max = 4 << 20;
  std::uint32_t members_max = 64;
  Timings timings;
};

}  // namespace evmesh::routing
