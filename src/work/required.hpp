#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/result.hpp>

#include "work/mesh_types.hpp"

namespace evmesh::work {

/// Make this entry durable here and put it in force, then say `kept`. In the order in which they are given.
struct KeepGroup {
  std::uint64_t change = 0;  ///< 0: nothing is to be said
  wire::GroupEntry entry;
  bool erase = false;  ///< there is nothing to remember of it
};

/// Which groups are required: a map that every member holds. The entry with the higher (version, writer) is right. What
/// changes here is told to all members when it is durable here, and said again until they acknowledge; a member that
/// comes up is told all. Pure; not thread-safe.
class RequiredGroups {
 public:
  using Entry = wire::GroupEntry;
  struct Options {
    Life self;
    bool alone = false;  ///< there is no mesh: what was removed leaves nothing behind
  };

  explicit RequiredGroups(Options options) : options_(options) {}

  /// An entry that was kept in an earlier life; before anything else.
  void load(Entry entry);

  /// The latest entry of a group, in force or about to be; null when it was never heard of.
  [[nodiscard]] const Entry* find(std::string_view bus, std::string_view group) const;

  /// Those in force here, removed ones included.
  [[nodiscard]] std::vector<Entry> entries() const;

  /// Of those that are present and in force here.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

  /// Changes an entry; a group that is not there is made. The number of the change that makes it so; 0: it is
  /// so already. Errors: too_many_registrations.
  [[nodiscard]] Result<std::uint64_t> change(Turn turn, std::string_view bus, std::string_view group,
                                             const std::function<void(Entry&)>& what);

  /// What is to be kept next.
  [[nodiscard]] std::optional<KeepGroup> next_keep();
  [[nodiscard]] bool has_keep() const { return !keeps_.empty(); }

  /// The change is durable and in force here; or it could not be kept, and everything is as before.
  void kept(Turn turn, std::uint64_t change, bool good);

  // Members. One that is down is told all again when it comes up.

  /// This node goes on as a later life of itself.
  void raise_epoch(std::uint64_t epoch) { options_.self.epoch = epoch; }
  void member_up(Turn turn, const Life& life, std::string name);
  void member_down(const Life& life);

  void on(Turn turn, const Life& from, const wire::Groups& groups);
  void on(Turn turn, const Life& from, const wire::GroupsAck& ack);
  void on_digest(Turn turn, const Life& from, std::uint64_t digest);

  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  /// A member that is up, and since when it has the latest entry of a group on its disk.
  struct Knows {
    Life life;
    std::string name;
    std::optional<MonoTime> since;
  };
  [[nodiscard]] std::vector<Knows> who_knows(std::string_view bus, std::string_view group) const;

 private:
  using Key = std::pair<std::string, std::string>;
  using Mark = std::pair<std::uint64_t, NodeId>;  // version and writer

  struct Slot {
    std::optional<Entry> kept;
    std::optional<Entry> next;  // newer, and not durable here yet
    std::uint64_t next_change = 0;
    std::uint64_t removed = 0;  // the higher, the later it was removed; 0: it is present
    [[nodiscard]] const Entry& latest() const { return next ? *next : *kept; }
  };
  struct Known {
    Mark mark;
    MonoTime at;
  };
  struct Member {
    std::string name;
    std::map<Key, Known> known;   // what it has on its disk
    std::map<Key, Mark> wanting;  // what it was told and has not acknowledged
    std::map<std::uint64_t, std::vector<std::pair<Key, Mark>>> requests;
    std::chrono::milliseconds patience{0};
    MonoTime again{};  // while something is wanting
    std::uint32_t mismatches = 0;
    std::optional<MonoTime> whole_again{};
  };
  /// An acknowledgement that waits for our disk.
  struct Due {
    Life to;
    std::uint64_t request = 0;
    std::set<std::uint64_t> changes;
  };

  [[nodiscard]] static Key key_of(const Entry& entry) { return {entry.bus, entry.group}; }
  [[nodiscard]] static Mark mark_of(const Entry& entry) { return {entry.version, entry.writer}; }
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool make_room();
  std::uint64_t begin(const Key& key, Entry entry);
  [[nodiscard]] std::optional<std::uint64_t> merge(const Entry& entry);
  void put_in_force(Slot& slot, Entry entry);
  void knows(Turn turn, Member& member, const Key& key, const Mark& mark);
  void tell(Turn turn, const Life& to, Member& member, const std::vector<Key>& keys);
  void tell_all(Turn turn, const Life& to, Member& member);
  void send(Turn turn, const Life& to, const wire::Body& body) const;

  Options options_;
  std::map<Key, Slot> slots_;
  std::map<std::uint64_t, Entry> changes_;  // being kept
  std::deque<KeepGroup> keeps_;
  std::map<Life, Member> members_;  // that are up
  std::vector<Due> dues_;
  std::uint64_t digest_ = 0;
  std::uint64_t last_change_ = 0;
  std::uint64_t last_request_ = 0;
  std::uint64_t removals_ = 0;
};

}  // namespace evmesh::work
