#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/bus.hpp>
#include <evmesh/codec.hpp>
#include <evmesh/dead_letters.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>
#include <evmesh/log.hpp>
#include <evmesh/node.hpp>
#include <evmesh/registration.hpp>

/// For the unit tests of an application: nodes without sockets, threads and sleeps, whose time passes when the
/// test says so. Included only by those who want it; no other header needs it.
///
/// `Cluster` is a mesh of up to 16 nodes in which everything follows from one seed, `LocalBus` a bus of mode
/// mono alone. Both run the machines of the library itself, those that decide who is a member, what travels,
/// what is owed, tried again and taken over; simulated are the network, the disk and the clock.
///
/// All of it is thread-bound: one thread uses a cluster and whatever belongs to it, and listeners run on that
/// thread. A call that would wait (`dispatch` for copies, `register_listener` for its receipt, `wait_seen`)
/// lets virtual time pass, up to what the real one waits; inside a listener nothing waits, and the answer says
/// what is known at once. Unlike the rest of the library the functions here throw, so that a mistake fails the
/// test: std::invalid_argument for options out of range, std::out_of_range for a node or bus that is not there.
namespace evmesh::testing {

/// Something that happened in a cluster.
enum class What : std::uint8_t {
  started,       ///< a node
  killed,        ///< a node, without a word
  stopped,       ///< a node, politely
  node_failed,   ///< a node, for good; `error` says why
  dispatched,    ///< an event was accepted
  refused,       ///< a dispatch was refused with `error`; nobody gets the event
  heard,         ///< a key or each-node listener was called; `error` is what it threw
  gap,           ///< a listener was told of missing notifications; `error` is the reason
  running,       ///< an attempt of a group began
  done,          ///< it ended well
  failed,        ///< it failed with `error`, and is tried again unless that was the last attempt
  given_up,      ///< the listener refused the event for good, with `error`
  unknown_type,  ///< the listener did not know the type; no attempt is burnt
  dead,          ///< the event became a dead letter of the group
};

[[nodiscard]] std::string_view to_string(What what);

/// One line of a cluster's history. Value.
struct Happening {
  std::chrono::microseconds at{0};  ///< since the cluster was made
  std::size_t node = 0;
  What what = What::started;
  std::string bus{};
  std::string event_type{};
  std::optional<EventId> event{};
  std::string origin{};      ///< node, life and number of the dispatch: "n0/1/7"
  std::string name{};        ///< the group, or the listener's own name
  std::uint32_t attempt = 0;  ///< of a group, from 1
  bool possibly_duplicate = false;
  std::string error{};

  /// One line without the event's id, which is new in every run: equal seeds give equal lines.
  [[nodiscard]] std::string to_string() const;
};

/// What a cluster is made of. The defaults are those of `NodeOptions` for a mesh with data directories.
struct ClusterOptions {
  std::size_t nodes = 3;     ///< 1 to 16, named n0, n1 and so on
  std::uint64_t seed = 1;    ///< of all chance: latencies, the order of what happens at once, jitter of retries
  Mode mode = Mode::broadcast;  ///< broadcast or scale_efficient; `LocalBus` is mono
  DeliveryModel delivery = DeliveryModel::mixed;
  std::vector<std::string> buses{"events"};  ///< 1 to 16 names
  PayloadFormat payload = PayloadFormat::binary;
  /// `replicated`: copies of group work on other nodes, which `dispatch` waits for; `disk`: on the own one alone;
  /// `memory`: nodes without data directories, whom the others forget when they are away for long.
  Level level = Level::replicated;
  std::uint32_t copies = 0;  ///< as NodeOptions
  Degraded degraded = Degraded::allow;
  BodyDecoders decoders{};  ///< as NodeOptions, of every node
  /// Where the nodes' log goes, with the number of the node; empty: nowhere.
  std::function<void(std::size_t node, const LogRecord&)> log{};
};

class ClusterImpl;

/// One node of a cluster, through all its lives. Belongs to the cluster.
class ClusterNode {
 public:
  ClusterNode(ClusterImpl& cluster, std::size_t index) : cluster_(cluster), index_(index) {}
  ClusterNode(const ClusterNode&) = delete;
  ClusterNode& operator=(const ClusterNode&) = delete;

  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] std::string name() const;  ///< "n" and the index
  [[nodiscard]] NodeId id() const;
  [[nodiscard]] bool running() const;

  /// The same object through all lives. While the node does not run, its calls answer `closed`.
  [[nodiscard]] EventBus& bus();
  [[nodiscard]] EventBus& bus(std::string_view name);

  /// What the program of this node does when it starts: registers listeners, usually. Called now when the node
  /// runs, and in every later life; a new one replaces the former.
  void at_start(std::function<void(ClusterNode&)> program);

  /// Keeps a registration until this life ends: registrations and listeners end with the process they are in.
  /// Throws std::runtime_error with the error's message when there is none.
  void keep(Result<Registration> registration);

  /// What this node owes to groups and has not been done yet.
  [[nodiscard]] std::uint64_t owed() const;

  /// What this node thinks of the others, as `NodeStatus::members`.
  [[nodiscard]] std::vector<Member> members() const;

 private:
  ClusterImpl& cluster_;
  std::size_t index_;
};

/// A mesh under virtual time.
///
///     evmesh::testing::Cluster cluster({.nodes = 5, .seed = 7});
///     cluster.at_start([&](evmesh::testing::ClusterNode& node) {
///       node.keep(node.bus().register_listener(index_of(node), search_index));
///     });
///     cluster[0].bus().dispatch(event, key);
///     cluster.kill(2);
///     cluster.run_for(10s);
///
/// When it is made all nodes have met, and no time has passed that a test could notice.
class Cluster {
 public:
  explicit Cluster(ClusterOptions options = {});
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] ClusterNode& operator[](std::size_t node);

  /// `ClusterNode::at_start` of every node.
  void at_start(const std::function<void(ClusterNode&)>& program);

  // Faults. Each happens at once; what it leads to happens while time passes.

  /// The process ends without a word, as by kill -9. Its disk is kept.
  void kill(std::size_t node);
  /// The same, and the disk is lost with it: the next life is a new member.
  void lose(std::size_t node);
  /// Stops as `Node::stop` does: passes the time that takes, 12 s at most. Inside a listener it does so later.
  void stop(std::size_t node);
  /// A new life of a node that does not run.
  void restart(std::size_t node);
  /// The process stands still, as by SIGSTOP, until `resume`. It notices nothing meanwhile.
  void pause(std::size_t node);
  void resume(std::size_t node);

  /// Nothing passes between the two, in either direction, until `heal`.
  void cut(std::size_t one, std::size_t other);
  /// Nothing passes from one to the other; the way back is open.
  void cut_one_way(std::size_t from, std::size_t to);
  /// Nothing passes between these and all others.
  void partition(std::initializer_list<std::size_t> nodes);
  void heal(std::size_t one, std::size_t other);
  /// Ends all cuts.
  void heal();

  // Time. Inside a listener none of these passes any.

  [[nodiscard]] std::chrono::microseconds now() const;  ///< since the cluster was made
  void run_for(std::chrono::nanoseconds time);
  /// True when `done` is, looked at after every step; false when `at_most` has passed first.
  bool run_until(const std::function<bool()>& done, std::chrono::nanoseconds at_most);
  /// Until no running node owes anything, runs anything, or has notifications on their way. False when that does
  /// not come within `at_most`.
  bool run_until_quiet(std::chrono::nanoseconds at_most = std::chrono::hours{1});
  /// Inside a listener: this call takes so long. A group's attempt ends that much later, or fails at the group's
  /// execution timeout; calls of key listeners and those inside `dispatch` take no time. Without effect elsewhere.
  void take(std::chrono::nanoseconds time);

  // What happened.

  /// Everything since the cluster was made, oldest first; at most 1,000,000 lines, further ones are counted in
  /// `history_left_out`.
  [[nodiscard]] std::span<const Happening> history() const;
  [[nodiscard]] std::uint64_t history_left_out() const;
  /// How often; `name` empty: whatever group or listener.
  [[nodiscard]] std::size_t count(What what, std::string_view name = {}) const;
  /// The history as text, a line each.
  [[nodiscard]] std::string story() const;

  /// The dead letters of all nodes, those that do not run included, each once, sorted by id.
  [[nodiscard]] std::vector<DeadLetter> dead_letters() const;
  /// A dead letter is owed again, with all attempts, by a running node that keeps it. Errors: not_found; as dispatch.
  [[nodiscard]] Result<void> redeliver(const DeadLetterId& letter);

 private:
  std::unique_ptr<ClusterImpl> impl_;
};

/// What a local bus is made of.
struct LocalBusOptions {
  std::string name = "events";
  DeliveryModel delivery = DeliveryModel::mixed;
  std::uint64_t seed = 1;  ///< of the jitter of retries
  BodyDecoders decoders{};  ///< as NodeOptions
  LogSink log{};
};

/// A bus of mode mono with a clock of its own: waits between retries, execution timeouts and whatever else waits
/// pass when the test advances it, however long they are.
///
///     evmesh::testing::LocalBus local;
///     auto registered = local.bus().register_listener(listener, group);
///     local.bus().dispatch(event);
///     local.advance(1h);
class LocalBus {
 public:
  explicit LocalBus(LocalBusOptions options = {});
  ~LocalBus();
  LocalBus(const LocalBus&) = delete;
  LocalBus& operator=(const LocalBus&) = delete;

  [[nodiscard]] EventBus& bus();

  /// Does all that is due until then. Inside a listener no time passes.
  void advance(std::chrono::nanoseconds time);
  [[nodiscard]] std::chrono::microseconds now() const;  ///< since the bus was made

  /// As Cluster's.
  bool run_until_quiet(std::chrono::nanoseconds at_most = std::chrono::hours{24});
  void take(std::chrono::nanoseconds time);
  [[nodiscard]] std::span<const Happening> history() const;
  [[nodiscard]] std::size_t count(What what, std::string_view name = {}) const;
  [[nodiscard]] std::string story() const;

  /// What is owed to groups and has not been done yet.
  [[nodiscard]] std::uint64_t owed() const;

  /// The process ends as by kill -9 and begins anew with the same disk: listeners must be registered again.
  void restart();

 private:
  std::unique_ptr<ClusterImpl> impl_;
};

}  // namespace evmesh::testing
