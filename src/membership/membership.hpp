#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <evmesh/node.hpp>

#include "base/clock.hpp"
#include "base/log_sink.hpp"
#include "base/random.hpp"
#include "wire/frames.hpp"
#include "wire/life.hpp"

namespace evmesh::membership {

using base::MonoTime;

/// A connection this node opened (a DEALER); numbered by the machine, never reused.
using LinkId = std::uint32_t;

/// A connection somebody opened to this node (the ROUTER's name for it), only good for answering.
using ConnectionId = std::string;

using wire::Life;

struct Timings {
  std::chrono::milliseconds heartbeat{500};
  std::chrono::milliseconds suspect{1'500};
  std::chrono::milliseconds dead{3'000};
  std::chrono::milliseconds refused_grace{
      1'000};  ///< a broken and refused connection: dead after this silence
  std::chrono::milliseconds incumbent_answer{
      500};  ///< how long a known life may take to answer before a newer one is believed
  std::chrono::milliseconds one_way{5'000};  ///< unreachable advertised endpoint: tell the peer after this
  std::chrono::milliseconds redial_first{1'000};
  std::chrono::milliseconds redial_max{30'000};
  std::chrono::milliseconds transient_forget{60'000};
  std::chrono::milliseconds pause_tolerance{
      250};  ///< a longer gap between two inputs than heartbeat + this is our own pause
};

struct Options {
  Life self;
  std::string name;
  std::string cluster;
  Mode mode = Mode::broadcast;
  bool transient = false;
  std::string work_endpoint;     ///< what peers dial
  std::string publish_endpoint;  ///< what peers' SUB connects to
  std::vector<std::string> buses;
  std::vector<std::string> seeds;
  std::uint32_t members_max = 64;
  Timings timings;
};

// What the machine wants done. Frames are given as bodies; the machine fills the header.

/// Open a DEALER to `endpoint`, named `link`.
struct Dial {
  LinkId link = 0;
  std::string endpoint;
};
/// Close it; what is queued in it is dropped.
struct HangUp {
  LinkId link = 0;
};
/// Send on an open link, class control.
struct Send {
  LinkId link = 0;
  wire::Header header;
  wire::Body body;
};
/// Answer on the connection a frame came from.
struct Answer {
  ConnectionId connection;
  wire::Header header;
  wire::Body body;
};
/// Connect or disconnect our SUB.
struct Follow {
  std::string publish_endpoint;
};
struct Unfollow {
  std::string publish_endpoint;
};
/// A member can be talked to both ways from now on, over `link`. Comes again with the same life after a
/// `MemberDown`.
struct MemberUp {
  Life life;
  LinkId link = 0;
  wire::Hello hello;
};
/// The link of a life that was up is closed: dead, left or replaced. Its life may go on (`LifeEnded` says
/// when not).
struct MemberDown {
  Life life;
};
/// This life will never speak again. `clean`: it said goodbye with `heads`.
struct LifeEnded {
  Life life;
  bool clean = false;
  std::vector<wire::StreamPosition> heads;
};
/// This node is not to be expected back: it was forgotten, or another one has its endpoint. May be said again, and
/// may turn out wrong of who has moved: then `MemberUp` follows.
struct Gone {
  NodeId node;
};
/// Peers know a later life of ours that is over: go on as `epoch`, after it is kept. The machine already uses
/// it.
struct RaiseEpoch {
  std::uint64_t epoch = 0;
};
/// This node must stop for good (twin, fenced, forgotten).
struct Fatal {
  Error error;
};
/// A line for the log.
struct Note {
  LogLevel level = LogLevel::info;
  std::string message;
  base::LogFields fields;
};

using Action = std::variant<Dial, HangUp, Send, Answer, Follow, Unfollow, MemberUp, MemberDown, LifeEnded,
                            Gone, RaiseEpoch, Fatal, Note>;
using Actions = std::vector<Action>;

/// What happened to a link, as far as the transport can tell. A hint only: nothing depends on it but speed.
enum class LinkEvent : std::uint8_t { connected, disconnected, refused };

/// What routing wants to have on the next heartbeats.
struct HeartbeatContent {
  std::uint64_t announcement_version = 0;
  std::uint64_t announcement_digest = 0;
  std::vector<wire::StreamPosition> heads;
};

/// Fills in what concerns one receiver.
class HeartbeatSource {
 public:
  virtual ~HeartbeatSource() = default;
  [[nodiscard]] virtual HeartbeatContent content() const = 0;
  [[nodiscard]] virtual std::vector<wire::StreamPosition> through(const Life& publisher) const = 0;
};

/// Who is in the mesh, and how sure we are. Pure: time and chance come in, actions go out, in the order they
/// are to be done. Every input first looks at the time since the last one: when this node itself was paused,
/// all deadlines move by the pause. Thread-bound to the caller.
class Membership {
 public:
  Membership(Options options, const HeartbeatSource& source, std::uint64_t random_seed);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  /// Dials the seeds.
  void start(MonoTime now, Actions& out);

  /// Does what is due. Call at `next_deadline` or earlier.
  void tick(MonoTime now, Actions& out);
  [[nodiscard]] MonoTime next_deadline() const;

  /// A frame that arrived at our ROUTER, whatever its kind: any frame of a known life is a sign of life, but
  /// only kinds up to `forget` are handled here. False when it must not be used further (unknown, old or
  /// foreign life, wrong addressee, no HELLO yet): it has been counted and, where that helps, answered.
  bool on_frame(MonoTime now, const ConnectionId& from, const wire::Frame& frame, Actions& out);

  /// A frame that came back on a link we opened: WELCOME, REJECT, ONE_WAY.
  void on_answer(MonoTime now, LinkId link, const wire::Frame& frame, Actions& out);

  /// A sign of life on the notification socket. False when the life is not a current member's.
  bool on_published(MonoTime now, const Life& from, Actions& out);

  void on_link(MonoTime now, LinkId link, LinkEvent event, Actions& out);

  /// Says goodbye on every link. `heads` are the final positions of our streams.
  void goodbye(MonoTime now, bool for_good, std::vector<wire::StreamPosition> heads, Actions& out);

  /// Errors: unknown_member, invalid_argument.
  Result<void> forget(MonoTime now, std::string_view name_or_id, Actions& out);

  /// Every seed was tried and every member learned of is up, or is known not to be there.
  [[nodiscard]] bool settled() const;
  /// What `settled` still waits for: names or endpoints, sorted.
  [[nodiscard]] std::vector<std::string> awaited() const;

  /// Sorted by name; this node included.
  [[nodiscard]] std::vector<Member> members(MonoTime now) const;
  [[nodiscard]] std::optional<Life> current_life(const NodeId& id) const;
  [[nodiscard]] const Life& self() const;
  [[nodiscard]] wire::Header header_for(const Life& to) const;

  /// Members that may come back with the same life: suspect, or dead and neither left, forgotten nor
  /// replaced.
  [[nodiscard]] bool anyone_absent() const;

  /// Counters by metric name.
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::membership
