#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "routing/types.hpp"

namespace evmesh::routing {

/// The last step of a stream: from events in order to the listeners that may have them.
///
/// A registration promises "nothing older, everything newer" than the number with which the publisher acknowledged its
/// announcement version. Until that acknowledgement is here nobody can tell old from new, so whatever concerns the
/// listener waits, and all that follows for it waits behind. An acknowledgement takes one round trip. Thread-bound.
class Inlet {
 public:
  /// `settled`: registrations up to this version get everything (they stood before the stream began).
  Inlet(std::size_t bus, Life publisher, std::uint64_t settled, std::uint64_t held_bytes_max);

  /// Events and gaps come in the order of their numbers. `event` passes on the last of `arrivals`, and says whether
  /// anybody may have it. What a listener gets of one frame is one action, as long as nothing comes in between.
  [[nodiscard]] bool event(const std::shared_ptr<const Arrivals>& arrivals, const ListenerLookup& lookup, Actions& out);
  void gap(const Gap& gap, const ListenerLookup& lookup, Actions& out);

  /// The publisher matched against `version` everything after `seq`.
  void acknowledged(std::uint64_t version, std::uint64_t seq, const ListenerLookup& lookup, Actions& out);

  /// Everything up to `through` has been given to `event` or `gap`.
  void advanced(std::uint64_t through);

  /// The publisher's life is over: what still waits can never be told old from new, so its listeners get a gap.
  void end(const ListenerLookup& lookup, Actions& out);

  /// What waits for the listener that has most waiting.
  [[nodiscard]] std::uint64_t held_bytes() const;

  /// With which number `version` was acknowledged; empty: not yet, or too long ago to say.
  [[nodiscard]] std::optional<std::uint64_t> position(std::uint64_t version) const;

 private:
  enum class Verdict : std::uint8_t { deliver, skip, hold };

  /// What waits for one listener: an event, or a gap when `arrivals` is null.
  struct Held {
    std::uint64_t seq = 0;  // a gap's last number
    std::shared_ptr<const Arrivals> arrivals;
    std::size_t event = 0;  // of `arrivals`
    Gap gap;

    [[nodiscard]] std::uint64_t bytes() const;
  };
  struct Queue {
    std::deque<Held> items;
    std::uint64_t bytes = 0;
  };
  struct Acknowledgement {
    std::uint64_t version = 0;
    std::uint64_t seq = 0;
  };

  [[nodiscard]] Verdict verdict(std::uint64_t version, std::uint64_t seq) const;
  [[nodiscard]] std::uint64_t floor(std::uint64_t version) const;
  [[nodiscard]] std::optional<Match> match_again(ListenerHandle listener, const Held& item, const ListenerLookup& lookup);
  [[nodiscard]] static std::uint64_t first_number(const Held& item);
  void pass(const Match& match, Held item, Actions& out);
  void give(const Match& match, const Held& item, Actions& out);
  void give_event(const Match& match, const Held& item, Actions& out);
  void hold(ListenerHandle listener, Held item);
  void shed_oldest(Queue& queue) const;
  void release(const ListenerLookup& lookup, Actions& out);

  std::size_t bus_;
  Life publisher_;
  std::uint64_t settled_;
  std::uint64_t held_bytes_max_;
  std::deque<Acknowledgement> pending_;  // ascending in both; not yet passed by the stream
  std::deque<Acknowledgement> passed_;   // the youngest of the others, for receipts
  std::map<ListenerHandle, Queue> held_;
  std::vector<Match> matches_;  // scratch
  // Where the action stands that events of `given_of_` are appended to; only for comparing, so it need not live.
  std::map<ListenerHandle, std::size_t> given_;
  const Arrivals* given_of_ = nullptr;
};

}  // namespace evmesh::routing
