#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include <evmesh/node.hpp>

#include "membership/membership.hpp"
#include "wire/frames.hpp"

// What the machine knows. All times are the machine's own: they stand still while this node was paused.
namespace evmesh::membership {

/// When to try again, and how long the next try may take.
struct Backoff {
  MonoTime next{};
  std::chrono::milliseconds wait{0};
};

/// A DEALER of ours.
struct Link {
  std::string endpoint;
  std::optional<std::size_t> seed;  // dialled for this seed
  std::optional<NodeId> member;     // whose link it is; without one it is its seed's
  std::optional<Life> answered;     // who welcomed us on it last
  MonoTime opened{};
  MonoTime gives_up{};  // a seed's or a dead member's attempt without an answer, or a call, ends then
  bool broken = false;
  bool refused = false;  // after it broke
  MonoTime doubted{};    // when either was said last
  bool call = false;     // dialled for a life that is over here, which may not know
};

struct Seed {
  std::string endpoint;
  std::optional<LinkId> link;    // while nobody answered there
  std::optional<NodeId> member;  // who answered there last
  bool ours = false;             // it is this node
  bool tried = false;            // it answered, or its connection failed once
  Backoff redial;
};

/// Our heartbeats to a member and its to us. The numbers go on over all links of a life, so that an echo is
/// never taken for one of another link.
struct Beats {
  struct Sent {
    std::uint64_t seq = 0;
    MonoTime at{};
  };

  std::uint64_t seq = 0;
  std::uint64_t heard_seq = 0;
  std::deque<Sent> sent;           // not echoed yet; the youngest few
  std::optional<MonoTime> echoed;  // when the youngest heartbeat that came back was sent
  unsigned hurried = 0;            // heartbeats sent out of turn since the last turn
};

/// Why a member may be gone, and who says otherwise.
struct Doubt {
  std::uint64_t nonce = 0;          // of our probes; 0: none sent
  std::optional<MonoTime> asked;    // when the last ones went out
  std::optional<MonoTime> vouched;  // when somebody else heard it last
  std::string vouched_by;
  bool confirmed = false;  // its connection is refused and nobody else hears it either
};

/// The exchange of member lists with one peer.
struct Lists {
  bool complete = false;  // it told us all it knows since it came up
  std::optional<MonoTime> differs_since;
  MonoTime next{};
};

/// A row of the table. `alive` implies `up`; a member that is on its way in is `suspect` and not up.
struct Peer {
  Life life;
  std::string name;
  std::string work_endpoint;
  bool transient = false;
  std::optional<wire::Hello> hello;

  MemberState state = MemberState::suspect;
  std::string reason;      // of `dead` and `left`
  bool up = false;         // routing was told
  bool ended = false;      // this life is over; only a later one comes back
  bool forgotten = false;  // no life comes back
  bool replaced = false;   // another id sits on its endpoint
  bool told_left = false;  // others heard its goodbye

  std::optional<LinkId> link;
  Backoff redial;
  std::optional<std::string> followed;  // the endpoint our SUB is connected to
  ConnectionId connection;              // where its last HELLO came from

  bool ever_heard = false;
  MonoTime heard{};    // last frame, or the moment we began to wait for one
  MonoTime changed{};  // when it became dead or left
  MonoTime fence_next{};
  std::optional<MonoTime> unanswered_since;  // its HELLOs come, its endpoint does not answer
  MonoTime one_way_next{};

  Beats beats;
  Doubt doubt;
  Lists lists;
};

/// A second process under a known id, while we ask the first.
struct Contender {
  Life life;
  wire::Hello hello;
  ConnectionId connection;
  std::uint64_t nonce = 0;
  bool asked_again = false;
  MonoTime ask_again{};
  MonoTime deadline{};
};

/// What is left of a row that was dropped: its lives up to this one are over, or all of them are.
struct GivenUp {
  std::uint64_t epoch = 0;
  bool forgotten = false;
  std::uint64_t number = 0;  // counts the rows that were dropped; the oldest leave first
};

/// Kept so that it is not dialled or learned of again.
[[nodiscard]] inline bool is_tombstone(const Peer& peer) {
  return peer.forgotten || peer.replaced || peer.state == MemberState::left;
}

/// Neither here nor expected to speak.
[[nodiscard]] inline bool is_gone(const Peer& peer) {
  return peer.forgotten || peer.state == MemberState::dead || peer.state == MemberState::left;
}

}  // namespace evmesh::membership
