#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <evmesh/bus.hpp>
#include <evmesh/dead_letters.hpp>
#include <evmesh/event.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "storage/commit.hpp"
#include "storage/records.hpp"

namespace evmesh::work {

using base::MonoTime;
using storage::Position;

using storage::DispatchId;

/// A group in the machine's table, for the life of the machine.
using GroupIndex = std::uint32_t;

/// Names an obligation inside one machine, or an execution for another node inside one executor; never used
/// twice. The latter have the highest bit set, the former never.
using Handle = std::uint64_t;
inline constexpr Handle foreign_bit = std::uint64_t{1} << 63;
[[nodiscard]] constexpr bool is_foreign(Handle handle) { return (handle & foreign_bit) != 0; }

/// What a group asks of those who run it.
struct Policy {
  RetryPolicy retry;
  std::uint64_t backlog_max = limits::group_backlog_max;              ///< obligations owed at once
  std::uint64_t backlog_bytes_max = limits::group_backlog_bytes_max;  ///< what their events hold together
  /// At either bound: true refuses the whole dispatch with `back_pressure`, false sends this group's
  /// obligation to its dead letters and owes the others as usual.
  bool refuse_at_quota = false;

  bool operator==(const Policy&) const = default;
};

/// An event in group work. Immutable once shared.
struct Parcel {
  std::string bytes;       ///< in the form it travels in, keys included; empty where nothing is journalled
  std::uint64_t size = 0;  ///< what it counts at quotas, in bytes
  std::optional<Event> event;         ///< as an object, where somebody had it at hand
  std::vector<RegistrationKey> keys;  ///< with `event`

  /// About what it takes in memory, with what the allocator adds. Never less for the bytes alone.
  [[nodiscard]] std::uint64_t memory_bytes() const { return memory_bytes(bytes.size(), event ? size : 0); }
  [[nodiscard]] static std::uint64_t memory_bytes(std::uint64_t bytes, std::uint64_t event = 0);
};

inline std::uint64_t Parcel::memory_bytes(std::uint64_t bytes, std::uint64_t event) {
  constexpr std::uint64_t shared_and_allocated = 48;
  constexpr std::uint64_t fields = 256;  // of an event, with its strings
  return sizeof(Parcel) + shared_and_allocated + bytes + (event > 0 ? fields + event : 0);
}

/// A parcel of bytes only.
[[nodiscard]] inline std::shared_ptr<const Parcel> parcel_of(std::string bytes) {
  const std::uint64_t size = bytes.size();
  return std::make_shared<const Parcel>(Parcel{std::move(bytes), size, std::nullopt, {}});
}

/// An event on its way in.
struct Acceptance {
  std::string bus;
  EventId event_id;
  std::shared_ptr<const Parcel> event;
  std::vector<GroupIndex> groups;  ///< of that bus, each once
  Timestamp time{};
  /// The caller runs these itself, once what was accepted is written; a subset of `groups`.
  std::vector<GroupIndex> claimed;
};

/// What came of it.
struct Accepted {
  DispatchId id;
  Position end = 0;  ///< written, or synced, when the journal is up to here
  std::vector<Handle>
      claimed;  ///< as Acceptance::claimed, one for each; 0 where the quota or a pause kept it back
};

/// An execution as the flight table of its process shows it: entered before the listener is called, taken out
/// when the record of its end is written (at once after `unknown_type`, which has none). So the table names
/// all that may have run unseen, whenever the process alone dies.
struct Flight {
  DispatchId id;
  std::uint64_t group = 0;  ///< storage::group_hash
  std::uint32_t generation = 0;
  std::uint32_t attempt = 1;
  bool suspect = false;  ///< it ran as the only suspect of that process

  bool operator==(const Flight&) const = default;
};

/// One execution to make.
struct Job {
  Handle handle = 0;
  DispatchId id;
  GroupIndex group = 0;
  std::uint32_t attempt = 1;
  bool possibly_duplicate = false;      ///< an earlier run may have succeeded without our knowing
  bool suspect = false;                 ///< it was running when a process ended; no other suspect runs now
  std::shared_ptr<const Parcel> event;  ///< null: read it back at `position`
  Position position =
      0;  ///< of the record that holds the event; `Machine::position` knows it after a `carry`
  std::uint64_t group_hash = 0;    ///< storage::group_hash; 0: the machine knows it, and the generation
  std::uint32_t generation = 0;
  NodeId away_from{};              ///< of a suspect: the node that it was on; nil: none in particular
  bool foreign = false;            ///< for another node: `is_foreign(handle)`, and its event is here

  /// What the flight table must show while it runs.
  [[nodiscard]] std::optional<Flight> flight() const {
    if (group_hash == 0) return std::nullopt;
    return Flight{id, group_hash, generation, attempt, suspect};
  }
};

/// How an execution ended.
struct Ran {
  enum class Ending : std::uint8_t {
    done,
    failed,        ///< threw, timed out, or asked for a retry
    refused,       ///< no further attempt
    unknown_type,  ///< not run: this build does not know the type; burns no attempt
  };
  Ending ending = Ending::done;
  std::string error;                        ///< for all but `done`
  std::chrono::milliseconds not_before{0};  ///< the next attempt starts no sooner than this
  NodeId node{};                            ///< where; nil: on this node
};

// What the machine asks for.

/// Keep a dead letter, then say `letter_stored`. Its id is made of the obligation's, so that storing it again
/// changes nothing. Asked for when the record of its end is synced, and not before the letter it was is gone.
struct StoreLetter {
  Handle handle = 0;
  DispatchId id;
  std::string bus;
  GroupIndex group = 0;
  DeadLetterId letter;
  std::uint32_t generation = 0;
  Timestamp accepted{};
  std::vector<Attempt> attempts;
  storage::Doubt doubt = storage::Doubt::none;
  std::shared_ptr<const Parcel> event;  ///< null: read it back at `position`
  Position position = 0;
};

/// The letter is owed again, durably: take it away, then say `letter_removed`. It may be gone already.
struct RemoveLetter {
  Handle handle = 0;
  GroupIndex group = 0;
  DeadLetterId letter;
};

/// Work became possible in a group: `take` until it gives less than it may, and again whenever there is room.
/// Not said again before a `take` came out short.
struct Ready {
  GroupIndex group = 0;
};

/// Read the event of the record at `position`, then say `loaded`: it is to run on another node.
struct LoadEvent {
  Handle handle = 0;
  Position position = 0;
};

using Action = std::variant<StoreLetter, RemoveLetter, Ready, LoadEvent>;
using Actions = std::vector<Action>;

/// Counts of one group.
struct GroupCounts {
  std::uint64_t ready = 0;
  std::uint64_t running = 0;
  std::uint64_t retrying = 0;
  std::uint64_t burying = 0;  ///< on its way to the dead letters
  std::uint64_t settled = 0;  ///< done or cancelled, but the letter it was is not removed yet
  std::uint64_t bytes = 0;
  std::optional<Timestamp> oldest;  ///< when the oldest that is still owed was accepted
  bool paused = false;
};

/// What happened since the machine was made.
struct Counters {
  std::uint64_t accepted = 0;  ///< obligations
  std::uint64_t redelivered = 0;
  std::uint64_t done = 0;
  std::uint64_t dead = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t failed = 0;          ///< attempts
  std::uint64_t unknown_type = 0;    ///< executions given back unrun
  std::uint64_t over_quota = 0;      ///< obligations sent to the dead letters
  std::uint64_t refused = 0;         ///< dispatches, with back_pressure
  std::uint64_t quarantined = 0;     ///< ended two processes
  std::uint64_t letters_failed = 0;  ///< times that a letter could not be stored or removed
  std::uint64_t duplicates_process_ended =
      0;  ///< given out as possibly duplicate: it was running when a process ended
  std::uint64_t duplicates_unknown = 0;  ///< the same: what was running was not known
  std::uint64_t duplicates_owner_ended = 0;  ///< the same: the node that answered for it is gone, or began anew
  std::uint64_t lost = 0;                    ///< attempts whose node ended
  std::uint64_t adopted = 0;                 ///< obligations taken over from other nodes
  std::uint64_t let_go = 0;                  ///< obligations that another node took over
  std::uint64_t ended_elsewhere = 0;         ///< obligations that another node was found to have ended
};

}  // namespace evmesh::work
