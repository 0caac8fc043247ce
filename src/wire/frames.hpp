#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/listener.hpp>
#include <evmesh/node.hpp>

#include "wire/work_frames.hpp"

namespace evmesh::wire {

/// The protocol versions this build speaks. A link uses the highest that both ends know.
inline constexpr std::uint8_t version_min = 1;
inline constexpr std::uint8_t version_max = 1;

/// Bytes that somebody else owns, kept alive by `owner`. Value.
struct Buffer {
  std::shared_ptr<const void> owner;  // shared: every listener strand may hold a part of one received message
  std::string_view bytes;
};

enum class Kind : std::uint8_t {
  hello = 1,
  welcome = 2,
  reject = 3,
  heartbeat = 4,
  ping = 5,
  pong = 6,
  probe = 7,
  probe_answer = 8,
  members = 9,
  goodbye = 10,
  fenced = 11,
  one_way = 12,
  forget = 13,
  announce = 20,
  announce_ack = 21,
  announce_request = 22,
  subscribe = 30,
  notify = 31,
  gap = 32,
  repair = 33,
  report = 34,
  groups = 40,
  groups_ack = 41,
  runs = 42,
  credit = 43,
  deliver = 44,
  verdicts = 45,
  retired = 46,
  work_beat = 47,
  query = 48,
  unknown = 49,
  copy = 50,
  copied = 51,
  guard = 52,
  adopted = 53,
  adopted_answer = 54,
  claim = 55,
  claim_answer = 56,
  stale = 57,
  ask = 60,
  reply = 61,
};

/// What group work and operators say to each other (work_frames.hpp).
[[nodiscard]] constexpr bool of_group_work(Kind kind) { return kind >= Kind::groups; }

/// Stands at the head of every frame, 56 bytes on the wire. `to` nil: to whoever reads it (HELLO to an
/// unknown node, and everything on the notification socket). `to_epoch` 0: any life.
struct Header {
  std::uint8_t version = version_max;
  Kind kind = Kind::hello;
  NodeId from;
  std::uint64_t from_epoch = 0;
  NodeId to;
  std::uint64_t to_epoch = 0;

  bool operator==(const Header&) const = default;
};

/// "I want a link with you, and this is who I am." Sent on the sender's DEALER until the receiver is heard to
/// know it. A bus's number is its index in `buses`; every later frame names the bus by the number its
/// *publisher* gave it.
struct Hello {
  std::uint8_t version_lowest = version_min;
  std::uint8_t version_highest = version_max;
  std::string cluster;
  std::string name;
  Mode mode = Mode::broadcast;
  bool transient = false;
  std::string work_endpoint;     ///< what the receiver dials
  std::string publish_endpoint;  ///< what the receiver's SUB connects to
  std::vector<std::string> buses;
  std::uint64_t announcement_version = 0;
  std::uint64_t announcement_digest = 0;

  bool operator==(const Hello&) const = default;
};

/// "Your HELLO arrived at this node." Back through the ROUTER, on the same connection.
struct Welcome {
  std::string name;
  std::string work_endpoint;

  bool operator==(const Welcome&) const = default;
};

enum class RejectReason : std::uint8_t {
  cluster = 1,      ///< another cluster name
  version = 2,      ///< no common protocol version
  stale_epoch = 3,  ///< a later life of this id was known; `epoch` is the highest
  twin = 4,         ///< another process with this id is alive
  full = 5,         ///< the mesh has `members_max` members
  forgotten = 6,    ///< an operator removed this id
  malformed = 7,    ///< the HELLO breaks a rule; the text names it
};

[[nodiscard]] std::string_view to_string(RejectReason reason);

/// "No link." Back through the ROUTER, on the same connection.
struct Reject {
  RejectReason reason = RejectReason::malformed;
  std::string text;
  std::uint64_t epoch = 0;
  std::uint8_t version_lowest = version_min;
  std::uint8_t version_highest = version_max;

  bool operator==(const Reject&) const = default;
};

/// A bus (by its publisher's number) and a position in its stream.
struct StreamPosition {
  std::uint16_t bus = 0;
  std::uint64_t seq = 0;

  bool operator==(const StreamPosition&) const = default;
};

/// Every 500 ms to every member.
struct Heartbeat {
  std::uint64_t seq = 0;   ///< counts this sender's heartbeats to this receiver, from 1
  std::uint64_t echo = 0;  ///< highest `seq` heard from the receiver; 0: none
  std::uint64_t announcement_version = 0;
  std::uint64_t announcement_digest = 0;
  std::uint64_t members_digest = 0;
  std::vector<StreamPosition> heads;    ///< the sender's streams; for display, never a reason to ask
  std::vector<StreamPosition> through;  ///< how far the sender has got in the receiver's streams

  bool operator==(const Heartbeat&) const = default;
};

/// "Answer at once": asked before a second process under a known id is believed.
struct Ping {
  std::uint64_t nonce = 0;

  bool operator==(const Ping&) const = default;
};

struct Pong {
  std::uint64_t nonce = 0;

  bool operator==(const Pong&) const = default;
};

/// "When did you last hear `subject`?"
struct Probe {
  NodeId subject;
  std::uint64_t subject_epoch = 0;
  std::uint64_t nonce = 0;

  bool operator==(const Probe&) const = default;
};

struct ProbeAnswer {
  NodeId subject;
  std::uint64_t subject_epoch = 0;
  std::uint64_t nonce = 0;
  std::optional<std::uint32_t> heard_ago_ms;  ///< empty: not in that life, or not within the suspicion time

  bool operator==(const ProbeAnswer&) const = default;
};

/// What a node tells others of a member, so that one seed is enough. `dead` and `suspect` are the sender's
/// view and change nobody else's; `left` and `forgotten` spread.
struct MemberEntry {
  NodeId id;
  std::uint64_t epoch = 0;
  MemberState state = MemberState::alive;
  bool forgotten = false;
  bool transient = false;
  std::string name;
  std::string work_endpoint;

  bool operator==(const MemberEntry&) const = default;
};

struct Members {
  std::vector<MemberEntry> entries;  ///< sorted by id, at most limits::member_entries_max

  bool operator==(const Members&) const = default;
};

/// The sender's life ends in order: nothing follows `heads`. `for_good`: take it off the lists; otherwise it
/// means to be back within `returns_in_ms`.
struct Goodbye {
  bool for_good = false;
  std::uint32_t returns_in_ms = 0;
  std::vector<StreamPosition> heads;

  bool operator==(const Goodbye&) const = default;
};

/// "A later life of your id runs; yours is over."
struct Fenced {
  std::uint64_t epoch = 0;

  bool operator==(const Fenced&) const = default;
};

/// "I hear you, but your advertised endpoint cannot be reached from here." Back through the ROUTER.
struct OneWay {
  std::string endpoint;

  bool operator==(const OneWay&) const = default;
};

/// An operator removed `id`; what comes back under it is rejected.
struct Forget {
  NodeId id;

  bool operator==(const Forget&) const = default;
};

/// A change (`base` > 0: from that version) or the whole (`base` 0) of the sender's interest. Keys stand as
/// `interest_hash` values, ascending. A whole set comes in `parts` frames of one version, applied when all
/// are there.
struct Announce {
  std::uint64_t base = 0;
  std::uint64_t version = 0;
  std::uint32_t part = 0;   ///< 0 to parts - 1
  std::uint32_t parts = 1;  ///< 1 for a change
  std::vector<std::uint16_t>
      each_node;  ///< the sender's buses with an each-node listener; the whole list, every time
  std::vector<std::uint64_t> added;
  std::vector<std::uint64_t> removed;  ///< empty in a whole set

  bool operator==(const Announce&) const = default;
};

/// "Version `version` is in force here"; `positions` are this publisher's numbers at that moment: what is up
/// to them was accepted before, what is after them is matched against the version.
struct AnnounceAck {
  std::uint64_t version = 0;
  std::vector<StreamPosition> positions;

  bool operator==(const AnnounceAck&) const = default;
};

/// "Send me your whole set."
struct AnnounceRequest {
  std::uint64_t have = 0;

  bool operator==(const AnnounceRequest&) const = default;
};

/// Sent on every new link, for each stream of the peer, until the first frame of the stream is there.
struct Subscribe {
  std::uint16_t bus = 0;
  std::optional<std::uint64_t> through;    ///< continue after this number; empty: begin at the head
  std::uint64_t announcement_version = 0;  ///< of the sender; the answer is matched against it or a later one

  bool operator==(const Subscribe&) const = default;
};

/// A slice of a NOTIFY frame: one encoded event (`event_codec.hpp`). `bytes` points into the frame.
struct EventSlice {
  std::uint64_t seq = 0;
  std::string_view bytes;

  bool operator==(const EventSlice&) const = default;
};

/// All events of `(after, to]` that concern the receiver. Without events it is the head announcement.
struct Notify {
  std::uint16_t bus = 0;
  bool start = false;  ///< answers a Subscribe without `through`: the stream begins at `to` for this receiver
  bool report = false;  ///< the receiver reports its position at once
  std::uint64_t after = 0;
  std::uint64_t to = 0;
  std::vector<EventSlice> events;  ///< ascending, each in (after, to]

  bool operator==(const Notify&) const = default;
};

/// "What concerns you in `from` to `to` is lost." Takes its place in the stream like a NOTIFY of (from - 1,
/// to].
struct GapNotice {
  std::uint16_t bus = 0;
  GapReason reason = GapReason::ring_overrun;
  std::uint64_t from = 0;
  std::uint64_t to = 0;

  bool operator==(const GapNotice&) const = default;
};

/// "Send me (after, to] of your stream again."
struct Repair {
  std::uint16_t bus = 0;
  std::uint64_t after = 0;
  std::uint64_t to = 0;

  bool operator==(const Repair&) const = default;
};

/// How far the sender has got in the receiver's streams.
struct Report {
  std::vector<StreamPosition> through;

  bool operator==(const Report&) const = default;
};

using Body = std::variant<Hello, Welcome, Reject, Heartbeat, Ping, Pong, Probe, ProbeAnswer, Members, Goodbye,
                          Fenced, OneWay, Forget, Announce, AnnounceAck, AnnounceRequest, Subscribe, Notify,
                          GapNotice, Repair, Report, Groups, GroupsAck, Runs, Credit, Deliver, Verdicts, Retired,
                          WorkBeat, Query, Unknown, Copy, Copied, Guard, Adopted, AdoptedAnswer, Claim,
                          ClaimAnswer, Stale, Ask, Reply>;

struct Frame {
  Header header;
  Body body;

  bool operator==(const Frame&) const = default;
};

/// The bytes of a frame. `header.kind` is set from the body, and a HELLO's version to the lowest it names.
/// Header and body keep the rules of README.md (asserted): limits, order of lists, `from` not nil,
/// `from_epoch` not 0.
[[nodiscard]] std::string encode(const Header& header, const Body& body);

/// Why a frame was not understood; each is a counter.
enum class DecodeError : std::uint8_t {
  truncated,       ///< shorter than its header or than its fields claim
  bad_magic,       ///< not one of our frames
  bad_version,     ///< a version this build does not speak
  unknown_kind,    ///< skipped: a later version's frame
  bad_length,      ///< the body length does not match the frame
  bad_value,       ///< a count, enum, flag, text or order breaks its rule
  trailing_bytes,  ///< something follows the last field
};

[[nodiscard]] std::string_view to_string(DecodeError error);

/// Checks everything before use; allocates at most 8 bytes per byte of `bytes`, plus 64 KiB. Slices of a
/// Notify, events of a Deliver and records of a Copy point into `bytes`. The header is given back even when the body is not understood, if there is one,
/// in `header_out` (may be null).
[[nodiscard]] tl::expected<Frame, DecodeError> decode(std::string_view bytes, Header* header_out = nullptr);

/// The number under which a key of a bus is announced and matched: XXH3_64 (seed 0) over bus, a zero byte,
/// key.
[[nodiscard]] std::uint64_t interest_hash(std::string_view bus, std::string_view key);

}  // namespace evmesh::wire
