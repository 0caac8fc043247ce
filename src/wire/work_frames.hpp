#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/registration.hpp>

#include "base/limits.hpp"

namespace evmesh::wire {

// What nodes say to each other about group work. An obligation moves by numbered deliveries: each pair of a
// custodian's life and an executor's life counts its own, from 1.

/// Names an obligation for as long as it exists, whoever has it.
struct WorkName {
  DispatchId id;
  std::uint64_t group = 0;  ///< storage::group_hash of bus and group
  std::uint32_t generation = 0;

  auto operator<=>(const WorkName&) const = default;
};

/// Who answers for an obligation; the higher one is right. The owner begins with counter 0.
struct Custody {
  std::uint32_t counter = 0;
  NodeId node;
  std::uint64_t epoch = 0;

  auto operator<=>(const Custody&) const = default;
};

/// `first` to `last`, both included; `first` is at least 1. Ranges are *apart* when a number lies between them.
struct NumberRange {
  std::uint64_t first = 1;
  std::uint64_t last = 1;

  bool operator==(const NumberRange&) const = default;
};

/// One line of the map of required groups. The entry with the higher (version, writer) is right.
struct GroupEntry {
  std::string bus;
  std::string group;
  bool present = true;  ///< false: removed
  bool paused = false;
  std::string pause_reason;  ///< any UTF-8; empty unless it is paused
  bool critical = true;
  std::uint64_t version = 1;
  NodeId writer;
  RetryPolicy retry;
  std::uint64_t backlog_max = limits::group_backlog_max;
  std::uint64_t backlog_bytes_max = limits::group_backlog_bytes_max;
  bool refuse_at_backlog = false;

  bool operator==(const GroupEntry&) const = default;
};

/// Entries of the sender's map. `request` not 0: the receiver answers when it has them on its disk.
struct Groups {
  std::uint64_t request = 0;
  std::vector<GroupEntry> entries;  ///< ascending by bus, then group; at least one

  bool operator==(const Groups&) const = default;
};

struct GroupsAck {
  std::uint64_t request = 1;

  bool operator==(const GroupsAck&) const = default;
};

/// A group the sender runs now.
struct RunsEntry {
  std::uint64_t group = 0;
  std::uint32_t slots = 1;  ///< executions at once

  bool operator==(const RunsEntry&) const = default;
};

/// All groups the sender runs; a later version replaces an earlier one.
struct Runs {
  std::uint64_t version = 1;
  std::vector<RunsEntry> entries;  ///< ascending by group

  bool operator==(const Runs&) const = default;
};

struct CreditEntry {
  std::uint64_t group = 0;
  std::uint64_t limit = 0;  ///< deliveries of this group in all, from the receiver's life to the sender's

  bool operator==(const CreditEntry&) const = default;
};

struct Credit {
  std::vector<CreditEntry> entries;  ///< ascending by group

  bool operator==(const Credit&) const = default;
};

/// One execution to make. `event` points into the frame.
struct Delivered {
  WorkName name;
  std::uint32_t attempt = 1;
  Custody custody;
  bool possibly_duplicate = false;
  bool suspect = false;
  std::string_view event;  ///< in the form of event_codec.hpp, at least 1 byte

  bool operator==(const Delivered&) const = default;
};

/// Deliveries `first`, `first + 1`, and so on.
struct Deliver {
  std::uint64_t first = 1;
  std::vector<Delivered> deliveries;  ///< at least one

  bool operator==(const Deliver&) const = default;
};

enum class WorkEnding : std::uint8_t {
  done = 1,
  failed = 2,        ///< threw, timed out, or asked for a retry
  refused = 3,       ///< no further attempt
  unknown_type = 4,  ///< not run: the executor's build does not know the type
  given_back = 5,    ///< not run: the executor goes, or has another reason
};

struct WorkVerdict {
  std::uint64_t number = 1;
  WorkEnding ending = WorkEnding::done;
  std::chrono::milliseconds not_before{0};  ///< of a failed one: the next attempt starts no sooner than this
  std::string error;                        ///< of failed and refused; any bytes

  bool operator==(const WorkVerdict&) const = default;
};

/// How deliveries of the receiver's life ended. Said again until `Retired` names them.
struct Verdicts {
  std::vector<WorkVerdict> verdicts;  ///< ascending by number, at least one

  bool operator==(const Verdicts&) const = default;
};

/// Verdicts the receiver may forget: all up to `through`, and these above it.
struct Retired {
  std::uint64_t through = 0;
  std::vector<NumberRange> also;  ///< ascending, apart, and apart from what `through` covers

  bool operator==(const Retired&) const = default;
};

/// Every 500 ms to each custodian's life with deliveries here that are not retired, and every 750 ms to each other
/// member: what keeps the leases. As it gives back what it heard, who runs something knows until when its custodian
/// certainly takes it for alive.
struct WorkBeat {
  std::uint64_t received = 0;        ///< highest delivery number that arrived
  std::vector<NumberRange> open;     ///< queued or running, ascending, apart, none above `received`
  std::uint64_t groups_digest = 0;   ///< of the map of required groups
  std::uint64_t runs_version = 0;    ///< of the sender's latest Runs; 0: none was said
  std::uint64_t sent = 0;            ///< when, by the sender's clock: only the sender understands it
  std::uint64_t heard = 0;           ///< the highest `sent` that came from the receiver's life; 0: none

  bool operator==(const WorkBeat&) const = default;
};

/// "What became of these deliveries?" Answered by Verdicts, WorkBeat and Unknown.
struct Query {
  std::vector<NumberRange> numbers;  ///< ascending, apart, at least one

  bool operator==(const Query&) const = default;
};

/// "These never arrived here, and will not be run when they do."
struct Unknown {
  std::vector<NumberRange> numbers;  ///< ascending, apart, at least one

  bool operator==(const Unknown&) const = default;
};

/// Records of the sender's log of group work, in order: all of (from, to] that concern copies.
struct Copy {
  std::uint64_t set_version = 1;  ///< of the guardians
  bool begin = false;             ///< what the receiver holds of the sender is to be forgotten when `end` came
  bool end = false;               ///< from here on the receiver holds all that is owed
  std::uint64_t from = 0;         ///< position in the sender's log, not above `to`
  std::uint64_t to = 0;
  std::vector<std::string_view> records;  ///< as they stand in the log, not empty; they point into the frame

  bool operator==(const Copy&) const = default;
};

/// "All up to `to` is on my disk." 0: "I have none of what you go on from; begin anew."
struct Copied {
  std::uint64_t set_version = 1;
  std::uint64_t to = 0;

  bool operator==(const Copied&) const = default;
};

/// Who keeps copies of what the sender owns.
struct Guard {
  std::uint64_t set_version = 1;
  std::uint64_t found = 0;        ///< where the sender's log ended when this life of it began
  std::vector<NodeId> guardians;  ///< in the order in which they would adopt, each once; may be empty

  bool operator==(const Guard&) const = default;
};

/// Seqs of one group.
struct WorkRanges {
  std::uint64_t group = 0;
  std::vector<NumberRange> seqs;  ///< ascending, apart, at least one

  bool operator==(const WorkRanges&) const = default;
};

/// "I answer for these obligations of that owner's life now." Comes in several frames when it is long.
struct Adopted {
  NodeId owner;
  std::uint64_t epoch = 0;
  std::uint64_t set_version = 0;  ///< of the guardians when the sender became one; 0: not known, or not safe yet
  std::uint64_t to = 0;           ///< how far its whole copy of the owner's log went; 0: it had none, or another's
  std::uint32_t counter = 1;      ///< of the custody; its other parts are the sender
  bool last = true;               ///< no further frame belongs to this adoption
  std::vector<WorkRanges> groups;  ///< ascending by group
  bool letters = false;  ///< what had come to an end was taken over, too: its owner is gone for good

  bool operator==(const Adopted&) const = default;
};

enum class WorkState : std::uint8_t {
  queued = 1,   ///< given up by the answerer
  running = 2,  ///< its verdict goes to the adopter
  done = 3,
  failed = 4,   ///< an attempt ended so, and its former custodian may not know
  refused = 5,
  dead = 6,     ///< a dead letter of the answerer
  removed = 7,  ///< was one, and was removed
  newer = 8,    ///< the answerer has it in a later generation
  let_go = 9,   ///< the answerer owed it, too, and no longer does
};

struct StateEntry {
  WorkName name;
  WorkState state = WorkState::done;
  std::uint32_t attempt = 1;  ///< 0: none was made
  std::string error;  ///< of failed, refused and dead

  bool operator==(const StateEntry&) const = default;
};

/// What the sender knows of what the receiver adopted. Comes in several frames when it is long.
struct AdoptedAnswer {
  NodeId owner;
  std::uint64_t epoch = 0;
  bool last = true;
  std::vector<StateEntry> states;

  bool operator==(const AdoptedAnswer&) const = default;
};

/// "I am back: what do you have of my earlier lives?" Answered by Adopted frames, if there is anything, and a
/// ClaimAnswer.
struct Claim {
  std::uint64_t request = 1;

  bool operator==(const Claim&) const = default;
};

struct ClaimAnswer {
  std::uint64_t request = 1;
  std::uint64_t highest_epoch = 0;  ///< of the receiver's earlier lives, as far as copies are held; 0: none
  std::uint64_t witness = 0;        ///< the highest position of its log that was seen then
  bool last = true;
  std::vector<StateEntry> states;   ///< what the sender runs or has finished for its earlier lives

  bool operator==(const ClaimAnswer&) const = default;
};

/// "Another answers for this one now."
struct Stale {
  WorkName name;
  Custody custody;

  bool operator==(const Stale&) const = default;
};

/// An operator's question from one node to another: the name of an operation and its arguments as JSON.
struct Ask {
  std::uint64_t request = 1;
  std::string operation;  ///< 1 to 64 bytes of text
  std::string arguments;  ///< any bytes

  bool operator==(const Ask&) const = default;
};

/// Its answer, in `parts` frames.
struct Reply {
  std::uint64_t request = 1;
  std::uint16_t code = 0;  ///< 0: good, else an ErrorCode
  std::uint32_t part = 0;
  std::uint32_t parts = 1;
  std::string body;  ///< any bytes

  bool operator==(const Reply&) const = default;
};

}  // namespace evmesh::wire
