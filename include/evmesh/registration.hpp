#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// When and how often failed group work is tried again. Wait before retry n is
/// `min(cap, first * 2^(n-1)) * u`, u uniform in [1, 1 + jitter]: never shorter than the exponential. Value.
/// Source: the James event bus defaults (8 retries, 100 ms, 0.5); cap and jitter direction are ours.
struct RetryPolicy {
  std::uint32_t max_retries = 8;  ///< attempts = max_retries + 1; 0 means one attempt
  std::chrono::milliseconds first{100};
  std::chrono::milliseconds cap{30'000};
  double jitter = 0.5;  ///< 0 to 1

  /// `invalid_argument` naming the field, for negative durations and a jitter outside 0 to 1.
  [[nodiscard]] Result<void> check() const;

  bool operator==(const RetryPolicy&) const = default;
};

/// What one peer said when it learned of a registration.
struct PeerAcknowledgement {
  NodeId peer;
  std::string name;
  std::uint64_t seq =
      0;  ///< nothing up to this number arrives from that peer, everything after it does, or a Gap

  bool operator==(const PeerAcknowledgement&) const = default;
};

/// Who knows of a registration. In mono both lists are empty.
struct RegistrationReceipt {
  std::vector<PeerAcknowledgement> acknowledged;  ///< sorted by peer
  std::vector<std::string> missing;  ///< names of live members that had not answered in time, sorted
  std::chrono::microseconds elapsed{
      0};  ///< from the registration to the last of `acknowledged`; 0 when there is none
  std::optional<Error> failure{};  ///< `node_failed`: the node failed, and nobody was waited for

  [[nodiscard]] bool complete() const { return missing.empty() && !failure; }
};

/// What `unregister` found.
enum class Unregistered : std::uint8_t {
  done,      ///< no call is running and none will come
  draining,  ///< called from inside a listener: no new call will start, a running one may still end
};

/// A listener's place on a bus. Destroying it ends its calls, and waits for running ones, as `unregister`
/// does. Movable. One that is thrown away ends at once: keep it as long as the listener is to be called.
///
/// A group stays required when its listener goes: events go on being owed to it, and run when somebody
/// registers it again. What ends it is `forget`, and in mode mono `unregister` too; without a data directory,
/// where nothing outlives the node, destroying a mono registration does as well.
class [[nodiscard]] Registration {
 public:
  class Impl;

  Registration() noexcept;
  explicit Registration(std::unique_ptr<Impl> impl);
  Registration(Registration&&) noexcept;
  Registration& operator=(Registration&&) noexcept;
  ~Registration();

  /// After `done` no call of the listener comes through this registration. Waits for a running call, except
  /// on a thread that is inside any listener call of this node: there it returns `draining`, and `on_drained`
  /// (may be empty) is called once, on a thread of the pool, when the last running call has ended.
  /// Idempotent. Thread-safe.
  Unregistered unregister(std::function<void()> on_drained = {});

  /// As `unregister`, and ends the group of a group listener: nothing is owed to it any more, and what it was
  /// still owed goes to its dead letters. For other listeners the same as `unregister`.
  Unregistered forget(std::function<void()> on_drained = {});

  /// Waits until every live member has acknowledged, or `timeout` has passed. Thread-safe.
  [[nodiscard]] RegistrationReceipt receipt(std::chrono::milliseconds timeout = std::chrono::milliseconds{
                                                0}) const;

  /// False after a move or an `unregister`.
  [[nodiscard]] bool active() const;

 private:
  void release();

  std::unique_ptr<Impl> impl_;
};

/// How a key or each-node listener is registered.
struct RegisterOptions {
  /// How long `register_listener` waits for the acknowledgements of live members; 0 does not wait.
  std::chrono::milliseconds receipt_timeout{3'000};
  /// Calls never overlap, on this node either: they are queued, so "has run when dispatch returns" does not
  /// hold.
  bool serial = false;
  std::uint64_t inbox_bytes_max = 0;  ///< 0: the default, 32 MiB; beyond it the oldest leave and a Gap tells
};

/// Where a group's first attempt is made.
enum class Placement : std::uint8_t {
  anywhere,  ///< on any node that runs the group
  here,      ///< inside `dispatch`, before it returns, when this node runs the group and has a place for it
};

/// How a group listener is registered.
struct GroupOptions {
  RetryPolicy retry{};
  /// False: its dead letters leave the node healthy, and are redelivered after all others.
  bool critical = true;
  std::uint32_t concurrency = 10;  ///< calls at the same time on this node, 1 to 64
  /// The attempt fails when it takes longer, and its listener is asked to stop (`Delivery::stop`); 1 ms or
  /// more.
  std::chrono::milliseconds execution_timeout{600'000};
  Placement placement = Placement::anywhere;

  // What the group may be owed at once on each node that dispatches, and what happens beyond.
  std::uint64_t backlog_max = 1'000'000;             ///< events, 1 to 100,000,000
  std::uint64_t backlog_bytes_max = 1'024ULL << 20;  ///< what they hold together, 1 MiB or more
  bool refuse_at_backlog =
      false;  ///< false: the event goes to the group's dead letters, and the other groups get it as
              ///< usual; true: `dispatch` answers `back_pressure`, and nobody gets it
};

}  // namespace evmesh
