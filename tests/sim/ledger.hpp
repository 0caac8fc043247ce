#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/listener.hpp>

#include "plan.hpp"
#include "sim/totals.hpp"
#include "wire/frames.hpp"
#include "wire/life.hpp"

namespace evmesh::sim {

using wire::Life;

/// A promise was broken. Ends the run.
struct Violation {
  std::string invariant;
  std::string what;
};

/// Keys are bits; an event has some, a registration wants some.
using KeySet = std::uint32_t;

/// A registration as the oracle knows it. `everything`: each-node.
struct Registration {
  std::uint64_t handle = 0;
  std::uint64_t listener = 0;
  std::size_t bus = 0;
  KeySet keys = 0;
  bool everything = false;
  std::uint64_t version = 0;

  [[nodiscard]] bool wants(KeySet event) const { return everything || (keys & event) != 0; }
};

/// What an event's life began with, for the oracle.
struct Logged {
  KeySet keys = 0;
  bool encoded = false;
  std::size_t bytes_hash = 0;
};

/// The oracle: knows every event and every promise, and is told everything listeners get. Every function throws `Violation`
/// when what it is told cannot be. Thread-bound.
class Ledger {
 public:
  Ledger(const Plan& plan, Totals& totals) : plan_(plan), totals_(totals) {}

  // Lives.

  void begins(const Life& life, bool transient);
  /// The process of `before` goes on as `after`. Where `heads` (by bus) are what `before` had, its events go on, too; otherwise
  /// the streams begin anew.
  void goes_on(const Life& before, const Life& after, const std::vector<std::uint64_t>& heads);
  /// An operator forgot this node, whatever it does.
  void forgets(const NodeId& id) { forgotten_.insert(id); }
  [[nodiscard]] bool forgotten(const NodeId& id) const { return forgotten_.contains(id); }
  void ends(const Life& life, bool said_goodbye);

  // Publishers.

  void accepted(const Life& life, std::size_t bus, std::uint64_t seq, const Logged& event);
  [[nodiscard]] std::uint64_t head(const Life& life, std::size_t bus) const;
  /// The publisher's ring begins here now; used to judge gaps.
  void ring_begins(const Life& life, std::size_t bus, std::uint64_t first);
  /// `publisher` told `reader` that `version` is in force after these numbers.
  void acknowledges(const Life& publisher, const Life& reader, const wire::AnnounceAck& ack);

  // Readers.

  void registers(const Life& reader, const Registration& registration);
  void unregisters(const Life& reader, std::uint64_t registration);
  /// `reader` asks for a stream for the first time; registrations up to `version` stand already.
  void meets(const Life& reader, const Life& publisher, const wire::Subscribe& subscribe, std::size_t bus);
  /// `reader`'s machine says that `publisher` acknowledged this registration at `seq`.
  void receipt(const Life& reader, std::uint64_t registration, const Life& publisher, std::uint64_t seq);
  /// Whether `receipt` was told of this publisher.
  [[nodiscard]] bool has_receipt(const Life& reader, std::uint64_t registration, const Life& publisher) const;
  void delivered(const Life& reader, std::size_t bus, std::uint64_t listener, const Origin& origin, std::string_view bytes,
                 std::optional<unsigned> key);
  void gap(const Life& reader, std::size_t bus, std::uint64_t listener, const Gap& gap);

  /// What a listener of `reader` still misses; empty when nothing. For the end, when all that can arrive has arrived.
  /// `absent`: lives that `reader` expects back, so that their streams are still open.
  [[nodiscard]] std::optional<std::string> missing(const Life& reader, const std::set<Life>& absent) const;

 private:
  /// How far a listener got in one stream.
  struct Seen {
    std::uint64_t last = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> doubtful;  // (number, registration) passed over, floor not known yet
  };
  struct Reading {
    std::vector<Registration> registrations;                              // that stand
    std::map<std::pair<std::uint64_t, Life>, std::uint64_t> floors;       // (registration, publisher): nothing up to this
    std::map<std::pair<Life, std::size_t>, std::uint64_t> met;            // with which announcement version
    std::map<std::tuple<std::uint64_t, Life, std::size_t>, Seen> seen;    // by listener and stream
    std::set<std::pair<Life, std::size_t>> begun_at_head;                 // met before the join was complete
  };
  struct Publishing {
    std::vector<std::vector<Logged>> events;  // by bus; number 1 is the first
    std::vector<std::uint64_t> ring_first;
    std::map<Life, std::map<std::uint64_t, std::vector<wire::StreamPosition>>> acknowledgements;  // by reader and version
    bool over = false;
    bool transient = false;
    bool said_goodbye = false;
  };

  [[nodiscard]] const Logged& event(const Life& life, std::size_t bus, std::uint64_t seq) const;
  [[nodiscard]] bool settled(const Reading& reading, const Registration& registration, const Life& publisher) const;
  [[nodiscard]] static std::optional<std::uint64_t> floor(const Reading& reading, const Registration& registration,
                                                          const Life& publisher);
  void pass_over(const Life& reader, Reading& reading, std::uint64_t listener, const Life& publisher, std::size_t bus, Seen& seen,
                 std::uint64_t to);
  void judge(const Gap& gap, std::size_t bus) const;

  const Plan& plan_;
  Totals& totals_;
  std::set<NodeId> forgotten_;
  std::map<Life, Publishing> publishing_;
  std::map<Life, Reading> reading_;
};

/// A life in words: n3/1002.
[[nodiscard]] std::string name(const Life& life);

}  // namespace evmesh::sim
