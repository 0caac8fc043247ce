#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "routing/inlet.hpp"
#include "routing/outbox.hpp"
#include "routing/types.hpp"

namespace evmesh::routing {

/// What the streams of this node have seen; the owner adds it up.
struct InboundCounters {
  std::uint64_t delivered = 0;    ///< events taken in order, whether a listener wanted them or not
  std::uint64_t duplicates = 0;   ///< frames with nothing new
  std::uint64_t holes = 0;        ///< frames that came too early
  std::uint64_t repaired = 0;     ///< holes that closed without a gap
  std::uint64_t gaps = 0;
  std::uint64_t undecodable = 0;  ///< events whose keys could not be read
  std::uint64_t early_dropped = 0;
};

/// One publisher life's stream of one bus, as this node receives it. Holds one number, `through`; a frame speaks for an
/// interval, so that holes, repeats and overlaps are arithmetic. Thread-bound.
class InboundStream {
 public:
  struct Options {
    std::size_t bus = 0;              ///< local index
    std::uint16_t number = 0;         ///< the publisher's number of it
    Life publisher;
    std::optional<std::uint64_t> begin;  ///< the number before the first wanted one; empty: begin at the head
    std::uint64_t settled = 0;           ///< announcement version of this node when the stream was met
    std::uint64_t held_bytes_max = 0;
    std::uint64_t report_bytes = 0;      ///< report at least after this much
    Timings timings;
  };

  InboundStream(const Options& options, InboundCounters& counters);

  /// The publisher is up, or may have forgotten us: asks it to begin or go on. `version` is our announcement's.
  void linked(MonoTime now, std::uint64_t version, Outbox& outbox);
  void unlinked();

  /// The publisher has shown that it knows us: whatever it could not take before is asked once more.
  void ask_again(MonoTime now, std::uint64_t version, Outbox& outbox);

  void notify(MonoTime now, const wire::Buffer& frame, const wire::Notify& notify, const ListenerLookup& lookup, Outbox& outbox);
  void gap(MonoTime now, const wire::GapNotice& notice, const ListenerLookup& lookup, Outbox& outbox);
  void acknowledged(std::uint64_t version, std::uint64_t seq, const ListenerLookup& lookup, Actions& out);
  void saw_head(std::uint64_t head);

  /// Asks again for what was not answered.
  void tick(MonoTime now, std::uint64_t version, const ListenerLookup& lookup, Outbox& outbox);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  /// The life is over, with `final_head` when it said goodbye: what is missing becomes a gap.
  void end(std::optional<std::uint64_t> final_head, const ListenerLookup& lookup, Actions& out);

  [[nodiscard]] bool started() const { return through_.has_value(); }
  [[nodiscard]] std::uint64_t through() const { return through_.value_or(0); }
  /// What the publisher may know: `through`, but no further than the last report while listeners are crowded, so that its window
  /// holds it back.
  [[nodiscard]] std::uint64_t reportable(const ListenerLookup& lookup) const;
  [[nodiscard]] std::uint64_t head() const { return head_; }
  [[nodiscard]] std::size_t bus() const { return options_.bus; }
  [[nodiscard]] std::uint16_t number() const { return options_.number; }
  [[nodiscard]] std::uint64_t early_bytes() const { return early_bytes_; }
  [[nodiscard]] std::uint64_t held_bytes() const { return inlet_.held_bytes(); }

  /// After which number registrations up to `version` get everything; empty: nobody can say yet.
  [[nodiscard]] std::optional<std::uint64_t> position(std::uint64_t version) const;

 private:
  /// A frame that speaks for (after, to].
  struct Interval {
    std::uint64_t after = 0;
    std::uint64_t to = 0;
    std::optional<GapReason> lost;  // set: a gap, no events
    wire::Buffer frame;
    std::vector<wire::EventSlice> events;

    /// What keeping it costs; also a frame without events, of which a peer may send any number.
    [[nodiscard]] std::uint64_t bytes() const {
      return frame.bytes.size() + events.size() * sizeof(wire::EventSlice) + sizeof(Interval);
    }
  };

  void start(std::uint64_t begin, const ListenerLookup& lookup, Actions& out);
  void take(MonoTime now, Interval interval, const ListenerLookup& lookup, Outbox& outbox);
  void keep_early(MonoTime now, Interval interval, Outbox& outbox);
  void apply(const Interval& interval, const ListenerLookup& lookup, Actions& out);
  void deliver(const Interval& interval, const ListenerLookup& lookup, Actions& out);
  void deliver_gap(std::uint64_t from, std::optional<std::uint64_t> to, GapReason reason, const ListenerLookup& lookup, Actions& out);
  void apply_early(const ListenerLookup& lookup, Actions& out);
  void drop_early(std::map<std::uint64_t, Interval>::iterator entry);
  void ask_repair(MonoTime now, Outbox& outbox);
  void report(MonoTime now, const ListenerLookup& lookup, Outbox& outbox);
  void subscribe(MonoTime now, std::uint64_t version, Outbox& outbox);

  Options options_;
  InboundCounters& counters_;
  Inlet inlet_;
  std::optional<std::uint64_t> begin_;  // the number before the first that concerns this node
  std::optional<std::uint64_t> through_;
  std::uint64_t head_ = 0;  // highest number known to exist
  bool linked_ = false;
  bool answered_ = false;  // a frame came since the last `linked`
  std::optional<MonoTime> subscribed_at_;
  std::map<std::uint64_t, Interval> early_;  // by `after`
  std::uint64_t early_bytes_ = 0;
  std::optional<std::uint64_t> repair_to_;  // asked for (through, this]
  MonoTime repair_asked_at_{};  // or when it last got us further
  bool repair_gap_ = false;  // a gap came while the repair was open
  std::uint64_t unreported_bytes_ = 0;
  std::uint64_t reported_ = 0;
  std::optional<MonoTime> report_held_until_;
};

}  // namespace evmesh::routing
