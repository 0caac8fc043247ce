#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "routing/announcement.hpp"
#include "routing/inbound.hpp"
#include "routing/interest.hpp"
#include "routing/outbound.hpp"
#include "routing/types.hpp"

namespace evmesh::routing {

/// Who wants what, and the streams that carry it: announcements, intervals, gaps, repair, flow. Pure: time comes in, actions
/// go out in the order they are to be done. Thread-bound to the caller.
class Routing {
 public:
  Routing(Options options, const ListenerLookup& lookup);

  // Members, as membership sees them.

  /// The peer can be talked to both ways. The same life again after `member_down` goes on where it was.
  void member_up(MonoTime now, const Life& life, const wire::Hello& hello, Actions& out);
  void member_down(MonoTime now, const Life& life, Actions& out);
  void life_ended(MonoTime now, const Life& life, bool clean, std::span<const wire::StreamPosition> heads, Actions& out);

  /// From now on streams that are met begin at 1: this node was there first.
  void join_complete() { joined_ = true; }

  /// Members that may come back with their life exist; what they might want is kept for them.
  void someone_absent(bool absent) { absent_ = absent; }

  /// The peer's subscription to our notification socket came or went. Ignored for a life that was never up.
  void follows(MonoTime now, const Life& life, bool follows, Actions& out);

  /// This node goes on as a later life. Its streams begin anew: whoever read the former life has been told that it is over, and
  /// would get again what it has. Where nobody was ever up nobody has anything, and what was accepted stays.
  void renumber(const Life& self);

  // Frames of lives that membership accepts; other kinds are ignored.

  void on_frame(MonoTime now, const wire::Frame& frame, const wire::Buffer& bytes, Actions& out);
  void on_heartbeat(MonoTime now, const Life& life, const wire::Heartbeat& heartbeat, Actions& out);

  // This node's own listeners and events.

  /// The registry of `bus` changed; the version that says so.
  std::uint64_t change_interest(std::size_t bus, std::span<const RegistrationKey> added,
                                std::span<const RegistrationKey> removed, std::optional<bool> each_node);

  /// False when nobody the mesh knows of can want such an event, so that it need not be encoded.
  [[nodiscard]] bool needed(std::size_t bus, std::span<const std::uint64_t> hashes) const;

  /// The peers that are known to want it.
  [[nodiscard]] PeerMask match(std::size_t bus, std::span<const std::uint64_t> hashes) const {
    return interest_.match(bus, hashes);
  }

  /// Numbers events, which have been matched; the last number.
  std::uint64_t accept(MonoTime now, std::size_t bus, Batch batch) {
    return outbound_[bus].push(now, std::move(batch));
  }

  /// `reserve`: a tenth more, for dispatches inside a listener, which may not wait.
  [[nodiscard]] bool window_open(std::size_t bus, bool reserve = false) const { return outbound_[bus].window_open(reserve); }
  /// As `tick` does, now.
  bool drop_out_of_step(MonoTime now, std::size_t bus, Actions& out);

  /// Announces pending changes and cuts frames for whoever has room. Call at the end of every turn.
  void pump(MonoTime now, const Room& room, Actions& out);
  void tick(MonoTime now, Actions& out);
  [[nodiscard]] MonoTime next_deadline() const;

  // What those who wait want to know.

  /// Peers that are up and have not acknowledged `version`.
  [[nodiscard]] std::vector<Life> unacknowledged(std::uint64_t version) const;

  struct Acknowledged {
    Life life;
    std::uint64_t seq = 0;
    MonoTime at{};
  };
  /// Peers that have, with their position in `bus` and when they did; sorted.
  [[nodiscard]] std::vector<Acknowledged> acknowledged(std::size_t bus, std::uint64_t version) const;

  struct Seen {
    Life life;
    bool seen = false;
  };
  /// Peers that wanted any number from `first` to `last`, and whether they reported all of them.
  [[nodiscard]] std::vector<Seen> seen(std::size_t bus, std::uint64_t first, std::uint64_t last) const;
  void ask_reports(MonoTime now, std::size_t bus, Actions& out);

  /// Everything accepted has been reported by every peer in step.
  [[nodiscard]] bool flushed() const;
  [[nodiscard]] std::vector<wire::StreamPosition> heads() const;
  [[nodiscard]] std::vector<wire::StreamPosition> through(const Life& publisher) const;
  [[nodiscard]] std::uint64_t announcement_version() const { return announcement_.version(); }
  [[nodiscard]] std::uint64_t announcement_digest() const { return announcement_.digest(); }

  /// Every member that is up has our announcement and we have theirs.
  [[nodiscard]] bool exchanged() const;

  [[nodiscard]] std::vector<Life> interested(std::size_t bus, std::uint64_t hash) const;
  [[nodiscard]] std::uint64_t keys_of(const Life& life) const;

  struct InboundView {
    Life publisher;
    std::size_t bus = 0;
    std::uint64_t through = 0;
    std::uint64_t head = 0;
    std::uint64_t early_bytes = 0;  ///< held while a hole is repaired
    std::uint64_t held_bytes = 0;   ///< for the listener that most waits for an acknowledgement
  };
  [[nodiscard]] std::vector<InboundView> inbound_views() const;
  [[nodiscard]] const OutboundStream& outbound(std::size_t bus) const { return outbound_[bus]; }
  [[nodiscard]] std::map<std::string, std::uint64_t> counters() const;

 private:
  struct Peer {
    bool up = false;
    bool follows = false;
    std::uint32_t slot = 0;
    std::vector<std::optional<std::size_t>> buses;  // by the peer's number: ours
    // What it wants.
    bool known = false;
    std::uint64_t version = 0;
    std::uint64_t digest = 0;
    std::vector<std::uint16_t> each_node;  // its numbers
    Assembly assembly;
    std::uint32_t mismatches = 0;  // heartbeats in a row that did not agree
    std::map<std::uint16_t, wire::Subscribe> waiting;  // for the announcement they name
    // What it knows of us.
    bool answered = false;  // acknowledged anything since it came up
    std::uint64_t acknowledged = 0;
    std::map<std::uint64_t, MonoTime> acknowledged_at;  // by version, the latest ones
    MonoTime announced_at{};
    std::map<std::uint16_t, InboundStream> streams;  // by the peer's number
  };

  Peer* peer(const Life& life);
  Peer* peer_up(const Life& life);
  void meet_streams(const Life& life, Peer& peer, const wire::Hello& hello);
  void announce_whole(MonoTime now, const Life& life, Peer& peer, Outbox& outbox);
  void announce_changes(MonoTime now, Outbox& outbox);
  void send_whole(MonoTime now, const Life& life, Peer& peer, Outbox& outbox);

  void on(MonoTime now, const Life& life, const wire::Announce& announce, Outbox& outbox);
  void on(MonoTime now, const Life& life, const wire::AnnounceAck& ack, Outbox& outbox);
  static void note_acknowledged(MonoTime now, Peer& peer, std::uint64_t version);
  void on(MonoTime now, const Life& life, const wire::Subscribe& subscribe, Outbox& outbox);
  void on(MonoTime now, const Life& life, const wire::Repair& repair);
  void on(MonoTime now, const Life& life, const wire::Report& report, Outbox& outbox);
  bool apply(Peer& peer, const Life& life, const wire::Announce& announce, Outbox& outbox);
  void apply_whole(Peer& peer);
  [[nodiscard]] bool too_many(const Peer& peer, const wire::Announce& change) const;
  void refuse_announcement(const Life& life, Actions& out);
  void announced(MonoTime now, const Life& life, Peer& peer, Outbox& outbox);
  void note_reports(MonoTime now, const Life& life, std::span<const wire::StreamPosition> positions, Actions& out);

  Options options_;
  const ListenerLookup& lookup_;
  InterestTable interest_;
  InboundCounters inbound_counters_;
  OutboundCounters outbound_counters_;
  std::vector<OutboundStream> outbound_;
  LocalAnnouncement announcement_;
  std::map<Life, Peer> peers_;
  bool joined_ = false;
  bool absent_ = false;
  bool met_ = false;  // somebody was up in this life
  std::uint64_t announcements_refused_ = 0;
};

}  // namespace evmesh::routing
