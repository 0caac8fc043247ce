#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/bus.hpp>
#include <evmesh/codec.hpp>
#include <evmesh/group_work.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/log.hpp>
#include <evmesh/mesh_work.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// How a node takes part, chosen at start.
enum class Mode : std::uint8_t {
  mono,             ///< alone: no sockets, no encoding
  scale_efficient,  ///< an event goes only to nodes that registered one of its keys
  broadcast,        ///< an event goes to all nodes, each filters; each-node listeners are possible
};

/// What has run when `dispatch` returns (key and each-node listeners of this node; groups of a mono node on
/// their first attempt).
enum class DeliveryModel : std::uint8_t {
  synchronous,   ///< all, one after another in the calling thread
  mixed,         ///< those declared synchronous, side by side
  asynchronous,  ///< none
};

/// What has become of group work when `dispatch` says ok.
enum class Level : std::uint8_t {
  memory,      ///< it is in this process
  disk,        ///< it is on this node's disk
  replicated,  ///< it is on the disks of several nodes
};

/// What `dispatch` does at level `replicated` when too few nodes are there to keep copies.
enum class Degraded : std::uint8_t {
  allow,   ///< accepts, says so in the receipt, and makes the copies up later
  refuse,  ///< answers `back_pressure`
};

[[nodiscard]] std::string_view to_string(Level level);
[[nodiscard]] std::string_view to_string(Degraded degraded);
[[nodiscard]] std::string_view to_string(Mode mode);
[[nodiscard]] std::string_view to_string(DeliveryModel model);

/// Everything a node is told at start. The defaults make a mono node.
struct NodeOptions {
  std::string name{};  ///< `[A-Za-z0-9._-]{1,64}`; empty: "node-" and the first 8 digits of the id
  Mode mode = Mode::mono;
  DeliveryModel delivery = DeliveryModel::mixed;
  std::vector<std::string> buses{"events"};  ///< names of the buses; 1 to 16, each as a group name

  /// Keeps the node's id and is locked by it, in every mode; created when absent. Empty: a new id each start.
  std::filesystem::path data_dir{};

  /// How safe group work is when `dispatch` says ok. Empty: `memory` without a `data_dir`, `disk` in mode mono, else
  /// `replicated`. `disk` needs a `data_dir`, `replicated` a mesh mode, too.
  std::optional<Level> level{};

  /// On how many nodes, this one included, group work is kept at level `replicated`: 1 to 5. 0: 1 for a node without
  /// seeds that has never met a member, 3 from five known members on, 2 otherwise. Without effect at other levels.
  std::uint32_t copies = 0;
  Degraded degraded = Degraded::allow;

  /// Space on the disk that is kept ready for the journal of group work, 8 MiB to 16 GiB; below it, when the disk has no more
  /// to give, new work is refused with `disk_full` while what was accepted goes on.
  std::uint64_t journal_reserve_bytes = 64 << 20;

  /// What dead letters may take in `data_dir`, 1 MiB to 1,024 GiB; of more, the oldest of their group are moved to
  /// `dead-letters-exported.jsonl` there, which `import_dead_letters` reads.
  std::uint64_t dead_letters_bytes_max = 10ULL << 30;

  /// False: groups that are registered here become required, and are owed events, but nothing is executed on this
  /// node (a front-line node); another life of it, or another node, does.
  bool execute_group_listeners = true;

  // The mesh; refused in mono.
  std::string cluster = "evmesh";  ///< nodes of another name are rejected
  std::string listen{};     ///< tcp://ADDRESS:PORT of the work socket (ROUTER); port 0 or * takes a free one;
                            ///< the notification socket (XPUB) takes PORT + 1, or a free one
  std::string advertise{};  ///< what peers dial, when it differs from `listen`
  std::vector<std::string> seeds{};               ///< peers to dial first, for ever; one is enough
  bool insecure = false;                          ///< allows a non-loopback `listen` without encryption
  PayloadFormat payload = PayloadFormat::binary;  ///< how bodies are encoded for other nodes: json or binary

  /// How listeners of this node get events of own types: at most 1,024, by type. What cannot be decoded is counted and
  /// logged, and reaches the listeners with `Event::undecodable`.
  BodyDecoders decoders{};

  std::uint64_t event_size_bytes_max = 1 << 20;  ///< payload plus headers, 1 B to 16 MiB
  std::uint64_t ring_bytes_max = 64 << 20;       ///< repair ring, per bus; at least `window_bytes`
  /// How far a publisher runs ahead of the slowest peer in step, per bus; at least `event_size_bytes_max`.
  std::uint64_t window_bytes = 8 << 20;
  std::chrono::milliseconds notify_wait{100};     ///< how long `dispatch` waits for the window; 0: not at all
  std::chrono::milliseconds join_timeout{3'000};  ///< how long `open` waits for the members it learns of
  std::uint32_t members_max = 64;
  std::uint32_t pool_threads_max = 64;

  /// False: listeners run on threads of the node. True: what would run there waits until the host calls
  /// `Node::run_once`, for example in its epoll loop, so that the host's listeners and completion functions are called
  /// on its own threads. The node's sockets, disk and timers keep theirs. What waits for a listener is bounded by its
  /// inbox (`RegisterOptions::inbox_bytes_max`) and by what a group may run at once.
  bool host_runs_listeners = false;

  LogSink log{};  ///< empty: silent. Called from any thread, never two calls at once.

  /// Called once, on a thread of its own, when the node fails for good (a twin took its name, fenced). What
  /// it throws is logged.
  std::function<void(const Error&)> on_fatal{};

  /// The host's own ZeroMQ context, which outlives the node; null: one shared by all nodes of the process.
  void* zmq_context = nullptr;
};

/// How sure a node is of a member.
enum class MemberState : std::uint8_t { alive, suspect, dead, left };

[[nodiscard]] std::string_view to_string(MemberState state);

/// A row of the membership table as this node sees it.
struct Member {
  NodeId id;
  std::string name;
  std::uint64_t epoch = 0;
  MemberState state = MemberState::alive;
  std::string reason;    ///< why it is not alive, for example "silent for 3.0 s", "stopped"
  std::string endpoint;  ///< what we dial
  std::optional<Mode> mode;
  bool self = false;
  bool hears_us = false;       ///< its heartbeats echo ours
  bool we_hear = false;        ///< any frame within the suspicion time
  bool pub_connected = false;  ///< its subscription to our notification socket is active
  bool transient = false;
  std::chrono::milliseconds last_heard{0};  ///< how long ago
  std::uint64_t keys = 0;                   ///< how many keys it announced
};

/// One stream of notifications this node receives.
struct InboundStream {
  NodeId publisher;
  std::string publisher_name;
  std::uint64_t epoch = 0;
  std::string bus;
  std::uint64_t through = 0;  ///< last number received
  std::uint64_t head = 0;     ///< last number known to exist
};

/// One peer as a receiver of this node's notifications.
struct OutboundPeer {
  NodeId peer;
  std::string name;
  std::string bus;
  std::uint64_t through = 0;  ///< what it reported
  bool in_step = true;        ///< false: lagging, not waited for
};

/// A consistent view of a node. Value.
struct NodeStatus {
  NodeId id;
  std::string name;
  std::uint64_t epoch = 0;
  Mode mode = Mode::mono;
  DeliveryModel delivery = DeliveryModel::mixed;
  std::string cluster;
  std::string listen;   ///< the real work endpoint; empty in mono
  std::string publish;  ///< the real notification endpoint; empty in mono
  bool failed = false;
  std::string failure;
  std::vector<std::string> notes;  ///< for the operator, for example that groups stay within this node
  std::vector<Member> members;     ///< sorted by name, this node included; empty in mono
  std::vector<InboundStream> inbound;
  std::vector<OutboundPeer> outbound;
  std::map<std::string, std::uint64_t> heads;     ///< last number given, per bus
  std::map<std::string, std::uint64_t> counters;  ///< named as in the metrics, sorted
};

/// Who listens on a key, as this node knows it.
struct KeyStatus {
  std::string bus;
  std::string key;
  std::uint32_t listeners = 0;  ///< on this node
  std::vector<std::string> listener_names;
  Timestamp since{};               ///< first listener here
  std::vector<std::string> peers;  ///< names of those that announced interest (by hash, which may add one)
  std::uint64_t gaps = 0;          ///< told to these listeners since they were registered under the key
  RegistrationReceipt receipt;     ///< of the youngest registration here
};

/// A member of the mesh, or a mono node: owner of the buses, the engine and the pool.
/// The library never ends its host, installs no signal handler and prints nothing. Thread-safe.
class Node {
 public:
  /// Starts a node and waits until it is joined, at most `join_timeout` (a missing seed is no error).
  /// Errors: invalid_argument, cannot_bind, storage (data directory locked or unusable), node_failed (a twin
  /// is alive), busy (no thread or descriptor left).
  [[nodiscard]] static Result<std::unique_ptr<Node>> open(NodeOptions options);

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Stops the node, as `stop`.
  virtual ~Node() = default;

  /// A bus by name; lives as long as the node. Errors: invalid_argument naming the buses there are.
  [[nodiscard]] virtual Result<EventBus*> bus(std::string_view name) = 0;

  /// The first bus of the options.
  [[nodiscard]] virtual EventBus& bus() = 0;

  [[nodiscard]] virtual NodeStatus status() const = 0;

  /// Keys with a listener here, or with interest announced by a peer when asked for by name; sorted by bus
  /// and key.
  [[nodiscard]] virtual std::vector<KeyStatus> keys() const = 0;
  [[nodiscard]] virtual Result<KeyStatus> explain(std::string_view bus, const RegistrationKey& key) const = 0;

  /// What operators ask of group work; lives as long as the node.
  [[nodiscard]] virtual GroupWork& group_work() = 0;

  /// The same of all nodes of the mesh; lives as long as the node.
  [[nodiscard]] virtual MeshWork& mesh_work() = 0;

  /// Readable (level-triggered) while calls wait for `run_once`; for epoll, poll and select only, and not to be read
  /// or closed. -1 unless the node was opened with `host_runs_listeners`. Stays the same; valid as long as the node.
  [[nodiscard]] virtual int fd() const = 0;

  /// Makes the calls of listeners and completion functions that wait, on this thread, at most `max` turns (one turn
  /// is a call, or several of one listener in a row); says how many, 0 when nothing waited. Never waits for
  /// more, so a loop calls it whenever `fd` is readable. Two threads may call it at once. What still waits when the
  /// node stops is run by `stop`, on its thread. On a host's only thread nothing else waits for a listener to any use:
  /// `GroupWork::wait_over` and `wait_task` only pass their time there. Synchronous listeners are called inside
  /// `dispatch`, on its thread, as ever. Errors: not_supported (not opened with `host_runs_listeners`), draining
  /// (called inside a listener).
  [[nodiscard]] virtual Result<std::size_t> run_once(std::size_t max = 64) = 0;

  /// Removes a member that is not alive, by name or id, here and on all members; what comes back under its id
  /// is rejected until it starts with a new one. Errors: unknown_member, invalid_argument (alive, or this
  /// node).
  [[nodiscard]] virtual Result<void> forget(std::string_view member) = 0;

  /// Says goodbye for good: peers take this node off their lists. Then stops.
  virtual void leave() = 0;

  /// Stops politely: refuses new work, lets calls end (10 s at most, all buses together), gives peers 2 s to
  /// get what was accepted, says goodbye. Idempotent. On a thread inside a listener call or `on_fatal` it
  /// waits for no call, and not for another thread that is stopping the node already.
  virtual void stop() = 0;
};

}  // namespace evmesh
