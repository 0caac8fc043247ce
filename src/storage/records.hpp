#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <evmesh/dead_letters.hpp>
#include <evmesh/event.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

#include "storage/commit.hpp"

/// What group work keeps in the journal; byte by byte in README.md. Texts are views: of the caller's when a
/// record is written, of the record's bytes when it was read.
namespace evmesh::storage {

using evmesh::DispatchId;

/// By which small records name a group.
[[nodiscard]] std::uint64_t group_hash(std::string_view bus, std::string_view group);

/// Why what is owed may have run already.
enum class Doubt : std::uint8_t {
  none = 0,
  process_ended = 1,  ///< it was running when a process ended
  unknown = 2,        ///< a life ended and nobody knows what was running
  owner_ended = 3,    ///< a custodian's life ended and nobody knows what ran on other nodes
};

struct PastAttempt {
  std::uint32_t number = 1;
  Timestamp time{};
  NodeId node;
  std::string_view error;

  bool operator==(const PastAttempt&) const = default;
};

/// Where one group stands with an event.
struct OwedGroup {
  std::string_view name;
  std::uint32_t generation = 0;
  std::uint32_t attempts = 0;  ///< of this generation that have ended; the next is one more
  std::uint32_t custody = 0;   ///< how often another node has taken it over
  bool ended = false;          ///< no further attempt: on its way to the dead letters
  bool cancelled = false;      ///< no further attempt, and no dead letter
  bool suspect = false;
  bool unsure = false;  ///< nobody knows whether the announced attempt was made: it counts as such
  Doubt doubt = Doubt::none;
  std::chrono::milliseconds wait{0};  ///< between the end of the last attempt and the next
  DeadLetterId letter;                ///< that it was, and that must be removed; nil: none
  std::vector<PastAttempt> history;   ///< of all generations, oldest first

  bool operator==(const OwedGroup&) const = default;
};

/// An event is owed to groups: an acceptance, a redelivery, or an older such record said again.
struct Owed {
  DispatchId id;
  EventId event_id;
  Timestamp time{};
  std::string_view bus;
  std::vector<OwedGroup> groups;  ///< at least one
  std::string_view event;         ///< in the form it travels in

  bool operator==(const Owed&) const = default;
};

/// Which obligation a small record speaks of.
struct Place {
  DispatchId id;
  std::uint64_t group = 0;  ///< `group_hash`
  std::uint32_t generation = 0;

  bool operator==(const Place&) const = default;
};

/// Attempt 2 or later is about to be given out.
struct Started {
  Place place;
  std::uint32_t attempt = 2;

  bool operator==(const Started&) const = default;
};

/// An attempt ended without success.
struct Failed {
  Place place;
  std::uint32_t attempt = 1;
  bool ended = false;  ///< it was the last
  Timestamp time{};
  NodeId node;
  std::chrono::milliseconds wait{0};  ///< before the next
  std::string_view error;

  bool operator==(const Failed&) const = default;
};

enum class Fate : std::uint8_t {
  done = 1,
  dead = 2,  ///< a dead letter holds it now
  cancelled = 3,
  let_go = 4,  ///< another node answers for it now
};

/// The obligation is no more.
struct Verdict {
  Place place;
  Fate fate = Fate::done;

  bool operator==(const Verdict&) const = default;
};

/// It came to an end, but the letter it was before is still there: the verdict follows when that is removed.
struct Settled {
  Place place;
  Fate fate = Fate::done;  ///< done or cancelled

  bool operator==(const Settled&) const = default;
};

/// It was running when a process ended. A failed attempt clears it of that.
struct Suspect {
  Place place;

  bool operator==(const Suspect&) const = default;
};

/// All that is owed to a group here is cancelled, but what has ended or settled.
struct Cancelled {
  std::uint64_t group = 0;

  bool operator==(const Cancelled&) const = default;
};

/// A life of the node began. `doubtful`: what was running in the one before is not known, so that all that is
/// owed here may have run and every announced attempt counts as made.
struct Life {
  NodeId node;
  std::uint64_t epoch = 0;
  bool doubtful = false;
  bool meshed = false;  ///< the same of what was running on other nodes

  bool operator==(const Life&) const = default;
};

/// Nothing ran when this was written, and nothing has been given out since.
struct Goodbye {
  std::uint64_t epoch = 0;

  bool operator==(const Goodbye&) const = default;
};

/// A record of another node's log, of which this journal keeps a copy.
struct Copied {
  NodeId owner;
  std::uint64_t epoch = 0;        ///< its life that sent it
  std::uint64_t set_version = 0;  ///< of its guardians then
  bool begin = false;             ///< a new copy begins, beside what is there
  bool end = false;               ///< the new copy is whole and takes the place of what was there
  bool fresh = false;             ///< `record` belongs to the new copy
  bool gone = false;              ///< the owner is gone for good
  Position to = 0;                ///< the copy holds the owner's log up to here when all before it is there, too
  Position synced = 0;            ///< the owner is known to have had this much of its log on its disk
  std::string_view record;        ///< may be empty

  bool operator==(const Copied&) const = default;
};

/// The copy of a node's log that this journal keeps is worth nothing any more.
struct Dropped {
  NodeId owner;
  bool but_ended = false;  ///< what has come to an end stays: it is, or becomes, dead letters

  bool operator==(const Dropped&) const = default;
};

/// First and last, both included.
using Seqs = std::pair<std::uint64_t, std::uint64_t>;

/// This node has taken over these obligations of a life of another one, or of its own.
struct Adopted {
  NodeId owner;
  std::uint64_t epoch = 0;
  std::uint64_t set_version = 0;  ///< of the guardians of the log that it was taken over from; 0: not known
  std::uint32_t custody = 1;
  std::uint64_t group = 0;  ///< `group_hash`
  std::vector<Seqs> seqs;   ///< ascending, apart
  NodeId from;              ///< who had taken it over before, and died; nil: nobody
  std::uint64_t to = 0;     ///< how far the copy of the log went; 0: not known
  bool letters = false;     ///< what had come to an end is among it

  bool operator==(const Adopted&) const = default;
};

/// Nobody will ask any more which obligations of lives of `owner` up to this one were taken over.
struct Answered {
  NodeId owner;
  std::uint64_t epoch = 0;

  bool operator==(const Answered&) const = default;
};

/// Who keeps copies of this journal from now on.
struct Guardians {
  std::uint64_t set_version = 1;
  std::vector<NodeId> nodes;  ///< in the order in which they would take over

  bool operator==(const Guardians&) const = default;
};

using WorkRecord = std::variant<Owed, Started, Failed, Verdict, Settled, Suspect, Cancelled, Life, Goodbye, Copied,
                                Dropped, Adopted, Answered, Guardians>;

/// Empties `out` and writes `record` there. `self` is the node whose journal it is: its id is left out. At
/// most 65,535 groups, and as many attempts each; names of at most 255 bytes; errors are cut at 65,535.
void encode_record(const Owed& record, const NodeId& self, std::string& out);
void encode_record(const Started& record, const NodeId& self, std::string& out);
void encode_record(const Failed& record, const NodeId& self, std::string& out);
void encode_record(const Verdict& record, const NodeId& self, std::string& out);
void encode_record(const Settled& record, const NodeId& self, std::string& out);
void encode_record(const Suspect& record, const NodeId& self, std::string& out);
void encode_record(const Cancelled& record, const NodeId& self, std::string& out);
void encode_record(const Life& record, const NodeId& self, std::string& out);
void encode_record(const Goodbye& record, const NodeId& self, std::string& out);
void encode_record(const Copied& record, const NodeId& self, std::string& out);
void encode_record(const Dropped& record, const NodeId& self, std::string& out);
void encode_record(const Adopted& record, const NodeId& self, std::string& out);
void encode_record(const Answered& record, const NodeId& self, std::string& out);
void encode_record(const Guardians& record, const NodeId& self, std::string& out);

/// A record has one form only: what is read and written again gives the same bytes. Errors: undecodable.
[[nodiscard]] Result<WorkRecord> decode_record(std::string_view bytes, const NodeId& self);

/// Whether a record speaks of copies and those who keep them, and not of what is owed here.
[[nodiscard]] bool concerns_copies(std::string_view bytes);

/// The event of an `Owed`, be it of this journal or a copy of another's. Errors: undecodable, also of a record that
/// holds none.
[[nodiscard]] Result<std::string_view> event_of_record(std::string_view bytes, const NodeId& self);

}  // namespace evmesh::storage
