#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "routing/interest.hpp"
#include "routing/outbox.hpp"
#include "routing/ring.hpp"
#include "routing/types.hpp"

namespace evmesh::routing {

/// What the streams of this node have sent; the owner adds it up.
struct OutboundCounters {
  std::uint64_t accepted = 0;         ///< events numbered
  std::uint64_t not_encoded = 0;      ///< of these, nobody known wanted
  std::uint64_t frames = 0;           ///< frames with events
  std::uint64_t heads = 0;            ///< frames without
  std::uint64_t repair_requests = 0;
  std::uint64_t gaps_sent = 0;
  std::uint64_t lagging = 0;          ///< times a peer fell out of step
};

/// This node's stream of one bus: numbers events, keeps them for repair, and holds one cursor per peer. Nothing is queued per
/// peer: a frame is cut from the ring when the link has room, so a slow peer costs a number. Thread-bound.
class OutboundStream {
 public:
  struct Options {
    std::size_t bus = 0;
    Mode mode = Mode::broadcast;
    std::uint64_t ring_bytes_max = 0;
    std::uint64_t window_bytes = 0;
    Timings timings;
  };

  OutboundStream(const Options& options, const InterestTable& interest, OutboundCounters& counters);

  /// Begins a new life with number 1: nothing of this one is sent to anybody any more.
  void restart();

  /// Numbers events; the last number.
  std::uint64_t push(MonoTime now, Batch batch);

  void peer_up(const Life& life, std::uint32_t slot);
  void peer_down(const Life& life);
  void peer_gone(const Life& life);

  /// The peer's interest is in force from the present head on.
  void peer_known(const Life& life);

  /// The peer's subscription to the notification socket came or went.
  void peer_follows(const Life& life, bool follows);

  /// The peer asks to go on after `through`, or to begin where its first announcement took force.
  void subscribe(MonoTime now, const Life& life, std::optional<std::uint64_t> through, Outbox& outbox);
  void repair(const Life& life, std::uint64_t after, std::uint64_t to);

  /// True when the peer got further.
  bool reported(MonoTime now, const Life& life, std::uint64_t through);

  /// Cuts frames for everybody who has room.
  void pump(MonoTime now, const Room& room, Outbox& outbox);

  /// Head announcements.
  void tick(MonoTime now, Outbox& outbox);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  /// Asks every peer where it is.
  void ask_reports(MonoTime now, Outbox& outbox);

  /// How much may be pushed until a peer in step is a window behind; without such a peer there is no end to it.
  [[nodiscard]] std::uint64_t room_bytes() const;

  /// No peer in step is a window behind; with `reserve`, a window and a tenth.
  [[nodiscard]] bool window_open(bool reserve) const;

  /// Peers that keep the window shut and have not advanced for a while are no longer waited for. True when any was. `tick`
  /// does the same, so that it does not depend on who waits.
  bool drop_out_of_step(MonoTime now, Actions& out);

  /// Every peer that is up has got everything.
  [[nodiscard]] bool flushed() const;

  [[nodiscard]] std::uint64_t head() const { return ring_.head(); }
  [[nodiscard]] const Ring& ring() const { return ring_; }

  /// As `status` shows a peer; empty when it is not up.
  struct PeerView {
    std::uint64_t through = 0;
    bool in_step = true;
    bool subscribed = false;
  };
  [[nodiscard]] std::optional<PeerView> view(const Life& life) const;

  /// Peers whose interest matched any number from `first` to `last`, or all known when one of them has left the ring.
  [[nodiscard]] PeerMask wanted(std::uint64_t first, std::uint64_t last) const;

 private:
  /// Counts bytes up to numbers, coarsely: what was owed at a mark is settled when a report passes it.
  class Meter {
   public:
    void add(std::uint64_t seq, std::uint64_t bytes);
    bool settle(std::uint64_t through, std::uint64_t everything);
    [[nodiscard]] std::uint64_t open() const { return total_ - settled_; }
    void reset();

   private:
    struct Mark {
      std::uint64_t seq = 0;
      std::uint64_t total = 0;
    };
    std::deque<Mark> marks_;
    std::uint64_t total_ = 0;
    std::uint64_t settled_ = 0;
  };

  struct Range {
    std::uint64_t after = 0;
    std::uint64_t to = 0;
  };

  struct Cursor {
    std::uint32_t slot = 0;
    bool up = false;
    bool subscribed = false;
    bool follows = false;             // gets the notification socket's frames
    std::optional<std::uint64_t> known_since;  // its interest counts for numbers after this
    std::uint64_t begin = 0;          // where its first announcement of this link took force
    std::uint64_t sent = 0;           // link lane: frames spoke for everything up to this
    std::uint64_t scanned = 0;        // link lane: looked at up to this; nothing after `sent` was wanted
    std::uint64_t rematch_until = 0;  // up to here the kept key hashes decide, after it the bit
    std::optional<Range> repair;
    Meter repair_in_flight;  // of `repair`, sent and not reported: the credit of bulk
    std::uint64_t reported = 0;
    bool in_step = true;
    Meter owed;       // wanted and not reported: the flow window
    Meter in_flight;  // sent on the link and not reported: the link's credit
    std::uint32_t frames_unasked = 0;
    std::uint64_t bytes_unasked = 0;
    MonoTime advanced_at{};  // or when it shut the window
    MonoTime sent_at{};
    bool head_due = false;
  };

  struct Piece {
    std::string bytes;
    std::uint64_t end = 0;
    std::size_t events = 0;
  };

  [[nodiscard]] bool everything() const { return options_.mode == Mode::broadcast; }
  [[nodiscard]] bool wants(const Cursor& cursor, const RingEntry& entry, bool rematch) const;
  [[nodiscard]] std::optional<wire::GapNotice> lost(const Cursor& cursor, std::uint64_t after, std::uint64_t to) const;
  [[nodiscard]] Piece cut(const Cursor& cursor, const wire::Header& header, Range range, std::uint64_t scan_from, bool rematch,
                          bool report) const;
  [[nodiscard]] bool nothing_wanted(Cursor& cursor) const;
  void owe(MonoTime now, Cursor& cursor, const Batch& batch) const;
  void pump_link(MonoTime now, const Life& life, Cursor& cursor, const Room& room, Outbox& outbox);
  static void begin_repair(Cursor& cursor, std::uint64_t after, std::uint64_t to);
  void pump_repair(const Life& life, Cursor& cursor, const Room& room, Outbox& outbox);
  void pump_socket(MonoTime now, Outbox& outbox);
  [[nodiscard]] bool worth_packing(MonoTime now);
  void send_gap(const Life& life, const wire::GapNotice& gap, Class frame_class, Outbox& outbox);
  void send_head(MonoTime now, const Life& life, Cursor& cursor, bool report, Outbox& outbox);
  void publish_head(MonoTime now, bool report, Outbox& outbox);
  [[nodiscard]] bool lags(const Cursor& cursor) const;
  [[nodiscard]] bool shuts_window(const Cursor& cursor) const;
  [[nodiscard]] bool any_follower() const;
  [[nodiscard]] bool any_follower_lags() const;

  Options options_;
  const InterestTable& interest_;
  OutboundCounters& counters_;
  Ring ring_;
  std::map<Life, Cursor> cursors_;
  std::uint64_t published_ = 0;  // notification socket: frames spoke for everything up to this
  MonoTime published_at_{};
  bool publish_head_due_ = false;
  std::uint32_t published_unasked_ = 0;
  std::uint64_t published_bytes_unasked_ = 0;
  std::uint64_t unpublished_bytes_ = 0;
  std::deque<std::uint64_t> published_ends_;  // of frames that no follower in step has reported yet
};

}  // namespace evmesh::routing
