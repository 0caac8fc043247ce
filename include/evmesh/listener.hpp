#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <evmesh/event.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>

namespace evmesh {

/// Whether `dispatch` may return before this listener has run on the dispatching node.
enum class ExecutionMode : std::uint8_t { synchronous, asynchronous };

/// Why notifications are missing.
enum class GapReason : std::uint8_t {
  ring_overrun,      ///< the publisher no longer has them
  life_ended,        ///< the publisher's life ended before they were received
  listener_overrun,  ///< this listener's inbox was full
  joined_late,       ///< published before the publisher knew this node
};

[[nodiscard]] std::string_view to_string(GapReason reason);

/// Notifications that this listener will never get: numbers `from` to `to` of one publisher life on one bus,
/// those on other keys included. Whoever keeps state from events must read it anew. Value.
struct Gap {
  NodeId publisher;
  std::uint64_t epoch = 0;  ///< the publisher's life
  std::uint64_t from = 0;   ///< first missing number
  /// Last missing number; empty: not known, everything until the end of that life.
  std::optional<std::uint64_t> to;
  GapReason reason = GapReason::ring_overrun;

  bool operator==(const Gap&) const = default;
};

/// Where an event came from, when it came over the mesh.
struct Origin {
  NodeId publisher;
  std::uint64_t epoch = 0;  ///< the publisher's life
  std::uint64_t seq = 0;    ///< number within that life and bus, from 1, without holes but those a Gap names

  bool operator==(const Origin&) const = default;
};

/// One call of a listener. Lives for the duration of the call.
struct Delivery {
  const Event& event;
  const RegistrationKey* key = nullptr;  ///< the first that matched; null for groups and each-node listeners
  const Group* group = nullptr;          ///< set for group listeners only
  std::uint32_t attempt = 1;             ///< 1 is the first execution; always 1 for notifications
  bool possibly_duplicate = false;       ///< group work only: an earlier execution may have happened
  const Origin* origin = nullptr;        ///< null when dispatched by this process
  std::stop_token stop{};  ///< group work only: asked for when the execution timeout has passed or the node ends
};

/// What a group listener says of an attempt. For key and each-node listeners it is ignored. Value.
class Outcome {
 public:
  enum class Kind : std::uint8_t { done, retry, refused, unknown_type };

  Outcome() = default;

  [[nodiscard]] static Outcome done() { return {}; }

  /// Counts as a failed attempt, and the next one starts no sooner than `delay` from now.
  [[nodiscard]] static Outcome retry_after(std::chrono::milliseconds delay, std::string reason = {}) {
    return Outcome{Kind::retry, delay, std::move(reason)};
  }

  /// No further attempt: the event goes to the dead letters with `reason`.
  [[nodiscard]] static Outcome refuse(std::string reason) {
    return Outcome{Kind::refused, {}, std::move(reason)};
  }

  /// This build does not know the event's type; burns no attempt, another runner gets it where there is one.
  [[nodiscard]] static Outcome unknown_type() { return Outcome{Kind::unknown_type, {}, "type unknown here"}; }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::chrono::milliseconds delay() const { return delay_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  Outcome(Kind kind, std::chrono::milliseconds delay, std::string reason)
      : kind_(kind), delay_(delay), reason_(std::move(reason)) {}

  Kind kind_ = Kind::done;
  std::chrono::milliseconds delay_{0};
  std::string reason_;
};

/// Code that receives events. Calls for one publisher come one at a time and in order; calls for different
/// publishers, and calls on the dispatching node, may overlap, so a listener is thread-safe or is registered
/// `serial`. An exception that leaves `handle` or `gap` is logged and counted; it affects no other listener
/// and no caller.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual ~Listener() = default;

  /// For logs and tools.
  [[nodiscard]] virtual std::string name() const { return "listener"; }

  /// Prefilter: false means `handle` is not called for this event. Cheap and without side effects.
  [[nodiscard]] virtual bool handles(const Event&) const { return true; }

  [[nodiscard]] virtual ExecutionMode execution_mode() const { return ExecutionMode::synchronous; }

  /// Runs on any thread but the engine's; may block, throw, dispatch and unregister itself.
  virtual Outcome handle(const Delivery& delivery) = 0;

  /// Notifications are missing. Called in their place in the order, once per hole. The bus counts and logs it
  /// anyway.
  virtual void gap(const Gap&) {}
};

/// The settings of `make_listener`.
struct ListenerTraits {
  std::string name = "listener";
  ExecutionMode mode = ExecutionMode::synchronous;
  std::function<bool(const Event&)> handles{};  ///< empty: every event
  std::function<void(const Gap&)> gap{};        ///< empty: nothing beyond the bus's own log line
};

/// A listener from a function. It runs synchronously unless `traits.mode` says otherwise. Shared: the bus
/// keeps it until the last running call has ended.
[[nodiscard]] std::shared_ptr<Listener> make_listener(std::function<Outcome(const Delivery&)> handle,
                                                      ListenerTraits traits);

/// As above, from a function that takes a `const Delivery&` or, when the event is all it needs, a `const
/// Event&`, and returns nothing or an `Outcome`.
template <class Function>
[[nodiscard]] std::shared_ptr<Listener> make_listener(Function function, ListenerTraits traits = {}) {
  using TakesDelivery = std::is_invocable<Function&, const Delivery&>;
  constexpr bool takes_delivery = TakesDelivery::value;
  // A disjunction: a function of `auto` that takes a delivery is not tried on an event.
  if constexpr (std::disjunction_v<TakesDelivery, std::is_invocable<Function&, const Event&>>) {
    const auto call = [](Function& callee, const Delivery& delivery) -> decltype(auto) {
      if constexpr (takes_delivery)
        return callee(delivery);
      else
        return callee(delivery.event);
    };
    using Answer = std::invoke_result_t<decltype(call), Function&, const Delivery&>;
    constexpr bool says_outcome = std::is_same_v<std::remove_cvref_t<Answer>, Outcome>;
    static_assert(says_outcome || std::is_void_v<Answer>,
                  "a listener's function returns nothing or an evmesh::Outcome");
    auto handle = [call, function = std::move(function)](const Delivery& delivery) mutable {
      if constexpr (says_outcome) {
        return Outcome(call(function, delivery));
      } else {
        call(function, delivery);
        return Outcome::done();
      }
    };
    return make_listener(std::function<Outcome(const Delivery&)>(std::move(handle)), std::move(traits));
  } else {
    static_assert(takes_delivery,
                  "a listener's function takes a const evmesh::Delivery& or a const evmesh::Event&");
  }
}

}  // namespace evmesh
