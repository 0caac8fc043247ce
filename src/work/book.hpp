#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <evmesh/key.hpp>

#include "storage/records.hpp"
#include "work/index.hpp"
#include "work/slab.hpp"
#include "work/texts.hpp"
#include "work/types.hpp"

namespace evmesh::work {

using Slot = std::uint32_t;  // of an obligation
using HeldSlot = std::uint32_t;
inline constexpr std::uint32_t none = ~std::uint32_t{0};

enum class State : std::uint8_t { ready, running, waiting, burying, settled };

/// A failed attempt, its texts and nodes by number.
struct Past {
  std::uint32_t number = 1;
  std::uint32_t node = 0;
  std::uint32_t error = 0;
  Timestamp time{};
};

/// What few obligations have.
struct Extra {
  std::vector<Past> history;          // of all generations
  DeadLetterId letter;                // that it was and that is not removed yet; nil: none
  std::chrono::milliseconds wait{0};  // between the end of the last attempt and the next
  base::MonoTime due{};               // when what was planned last is to happen
};

/// (dispatch id, group), in 56 bytes: a backlog of a million of them is what a small node has to hold.
struct Obligation {
  Position needs = 0;  // of the record behind which it may be given out, or buried
  std::unique_ptr<Extra> extra;
  HeldSlot held = none;
  GroupIndex group = 0;
  std::uint32_t serial = 0;  // makes handles of a slot differ
  Slot next_of_held = none;
  Slot group_before = none;
  Slot group_after = none;
  std::uint32_t generation = 0;
  std::uint32_t attempts = 0;  // of this generation that have ended; the next or running one is one more
  std::uint32_t custody = 0;   // how often a node has taken it over from another
  std::uint8_t tries = 0;      // waits in a row for another reason than a failed attempt
  State state : 3 = State::ready;
  storage::Doubt doubt : 2 = storage::Doubt::none;
  storage::Fate fate : 3 = storage::Fate::done;  // of what is settled
  bool announced : 1 = false;                // the next attempt is, in the journal
  bool ended : 1 = false;                    // no attempt is left, or it was refused
  bool cancelled : 1 = false;                // while it ran
  bool suspect : 1 = false;
  bool unsure : 1 = false;  // nobody knows whether the announced attempt was made
  bool asked : 1 = false;   // its letter's removal was asked for
  bool watched : 1 = false;  // somebody waits for its end
  bool held_back : 1 = false;  // until it is known what other nodes do with it
};
static_assert(sizeof(Obligation) <= 56);

/// One record in the journal that holds an event, and what is still owed by it.
struct Held {
  Position position = 0;
  std::uint64_t seq = 0;
  EventId event_id;
  Timestamp time{};
  std::shared_ptr<const Parcel> event;  // shared with who dispatched it and with who runs it; null: not in memory
  std::uint32_t life = 0;
  std::uint32_t event_bytes = 0;
  Slot first = none;
  HeldSlot before = none;
  HeldSlot after = none;
};
static_assert(sizeof(Held) <= 80);

/// One group: its queues and sums.
struct GroupState {
  std::string bus;
  Group name;
  std::uint64_t hash = 0;
  Policy policy{};
  std::deque<Handle> ready{};     // in the order of their records; what is not ready any more is passed over
  std::deque<Handle> suspects{};  // ready, and only one of them all may run
  std::uint64_t of_state[5] = {};
  std::uint64_t owed = 0;
  std::uint64_t bytes = 0;
  Slot first = none;
  Slot last = none;
  bool paused = false;
  bool told = false;     // that it has work
  bool touched = false;  // something that is not written yet waits in it
};

/// The table of what is owed, with its orders: by the journal, by group, by dispatch id. Knows no rule of the
/// machine. Thread-bound.
class Book {
 public:
  Book(const NodeId& self, std::uint64_t event_bytes_max);

  // Groups.

  GroupIndex group(std::string_view bus, const Group& name);
  [[nodiscard]] std::optional<GroupIndex> find_group(std::string_view bus, std::string_view name) const;
  [[nodiscard]] std::optional<GroupIndex> find_group(std::uint64_t hash) const;
  [[nodiscard]] std::vector<GroupState>& groups() { return groups_; }
  [[nodiscard]] const std::vector<GroupState>& groups() const { return groups_; }

  // Obligations.

  /// At the end of the journal's order; the event stays in memory while there is room. It goes with its last
  /// obligation, or for a newer one: half of the memory belongs to the newest events, which run soon where
  /// something else is what piles up.
  HeldSlot hold(const DispatchId& id, const EventId& event_id, Timestamp time,
                std::shared_ptr<const Parcel> event, std::uint64_t event_bytes);
  /// Whether an event of so many bytes finds memory that no other has; for those that would have to be read first.
  [[nodiscard]] bool has_room(std::uint64_t memory_bytes) const {
    return event_bytes_ + memory_bytes <= event_bytes_max_;
  }
  Slot add(HeldSlot held, GroupIndex group, std::uint32_t generation);
  void remove(Slot slot);

  [[nodiscard]] std::optional<Slot> find(const DispatchId& id, GroupIndex group) const;
  [[nodiscard]] Handle handle(Slot slot) const {
    return (std::uint64_t{obligations_[slot].serial} << 32 | slot) + 1;
  }
  [[nodiscard]] std::optional<Slot> slot(Handle handle) const;

  [[nodiscard]] Obligation& operator[](Slot slot) { return obligations_[slot]; }
  [[nodiscard]] const Obligation& operator[](Slot slot) const { return obligations_[slot]; }
  [[nodiscard]] Held& held_of(Slot slot) { return held_[obligations_[slot].held]; }
  [[nodiscard]] const Held& held_of(Slot slot) const { return held_[obligations_[slot].held]; }
  [[nodiscard]] GroupState& group_of(Slot slot) { return groups_[obligations_[slot].group]; }
  [[nodiscard]] const GroupState& group_of(Slot slot) const { return groups_[obligations_[slot].group]; }
  void set(Slot slot, State state);
  [[nodiscard]] Extra& extra(Slot slot);
  [[nodiscard]] std::uint64_t owed() const { return owed_; }
  /// About what the records of what is owed take in the journal.
  [[nodiscard]] std::uint64_t record_bytes() const { return record_bytes_; }

  // By the journal.

  [[nodiscard]] Held& held(HeldSlot slot) { return held_[slot]; }
  [[nodiscard]] const Held& held(HeldSlot slot) const { return held_[slot]; }
  [[nodiscard]] HeldSlot first_held() const { return first_held_; }
  void move_to_end(HeldSlot slot);

  /// Takes `count` of its obligations out of `slot`, into one of the same name at the end.
  HeldSlot split(HeldSlot slot, std::size_t count);

  /// A place in the journal's order, which moves on when what stands there goes. What is behind `until` came later.
  struct Bookmark {
    HeldSlot at = none;
    Position until = 0;
    bool used = false;
  };
  std::uint32_t add_bookmark();
  [[nodiscard]] Bookmark& bookmark(std::uint32_t number) { return bookmarks_[number]; }
  void remove_bookmark(std::uint32_t number) { bookmarks_[number] = {}; }

  // Names.

  [[nodiscard]] DispatchId id_of(const Held& held) const;
  void add_past(Slot slot, const storage::PastAttempt& attempt);
  [[nodiscard]] storage::PastAttempt past(const Past& past) const;
  [[nodiscard]] std::vector<Attempt> attempts(Slot slot) const;

 private:
  using Life = std::pair<NodeId, std::uint64_t>;

  [[nodiscard]] std::uint32_t life(const NodeId& owner, std::uint64_t epoch);
  [[nodiscard]] std::uint32_t node(const NodeId& id);
  [[nodiscard]] static std::uint64_t hash(std::uint32_t life, std::uint64_t seq, GroupIndex group);
  bool make_room(std::uint64_t memory_bytes);
  bool forget_oldest_of_newest();
  void link_held(HeldSlot slot);
  void unlink_held(HeldSlot slot);
  void link_group(Slot slot);
  void unlink_group(Slot slot);
  void leave_held(Slot slot);

  const std::uint64_t event_bytes_max_;
  std::uint64_t event_bytes_ = 0;
  std::deque<std::pair<HeldSlot, std::uint64_t>> newest_;  // and their numbers; in memory unless they are over
  std::vector<GroupState> groups_;
  std::unordered_map<std::uint64_t, GroupIndex> groups_by_hash_;
  Slab<Obligation> obligations_;
  Slab<Held> held_;
  HeldSlot first_held_ = none;
  HeldSlot last_held_ = none;
  std::vector<Bookmark> bookmarks_;
  Index index_;
  std::uint64_t owed_ = 0;
  std::uint64_t record_bytes_ = 0;
  std::uint32_t serial_ = 0;
  std::vector<Life> lives_;
  std::map<Life, std::uint32_t> lives_by_name_;
  std::vector<NodeId> nodes_;
  Texts errors_;
};

}  // namespace evmesh::work
