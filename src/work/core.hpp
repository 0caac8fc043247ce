#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "work/copies.hpp"
#include "work/guard.hpp"
#include "work/machine.hpp"
#include "work/mesh_types.hpp"
#include "work/required.hpp"

namespace evmesh::work {

struct CoreOptions {
  MachineOptions machine;
  std::uint32_t copies = 0;  ///< 0: 1 without seeds while nobody was met, else 2, else 3 from five members
  bool seeded = false;       ///< the node has seeds
  bool replicates = false;   ///< copies are made of what it owns
  bool alone = false;        ///< there is no mesh
  bool guards = true;        ///< keeps copies for others: it has a disk of its own
  Machine::Read read{};      ///< events that are not in memory; storage::event_of_record, copies too
  ReadLetters letters = [](std::uint64_t) {
    return LetterPage{};
  };  ///< that this node keeps, for its guardians
};

/// How safe an acceptance is by now.
struct Safety {
  bool synced = false;    ///< here
  std::uint32_t copies = 0;  ///< on other nodes, synced there
  std::uint32_t wanted = 0;  ///< of those
  bool degraded = false;  ///< fewer guardians than wanted are there
};

/// A guardian saw more of this node's log on its disk than was there when this life began.
struct RolledBack {
  NodeId witness;
  Position seen = 0;
  Position found = 0;
};

/// Group work of a node in a mesh: what it owes, what it runs for others, the copies it keeps for them. Pure: time and
/// what happened come in; records go into the commit that is being built, frames into `frames`, the rest into
/// `actions`. What concerns this node alone is asked of `machine()`. Not thread-safe.
class Core {
 public:
  explicit Core(CoreOptions options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  [[nodiscard]] Machine& machine();

  /// Something was asked of the machine directly: what it said about it, in `turn.actions`, concerns others, too.
  void told(Turn turn);

  /// Which groups are required. What it asks for is to be kept as soon as possible.
  [[nodiscard]] RequiredGroups& groups();
  [[nodiscard]] const RequiredGroups& groups() const;

  // Members, as membership sees them.

  struct Peer {
    std::string name;
    bool transient = false;
  };
  void member_up(Turn turn, const Life& life, const Peer& peer);
  void member_down(Turn turn, const Life& life);
  /// This life will never speak again. `clean`: it said so itself.
  void life_ended(Turn turn, const Life& life, bool clean);
  /// As Guard::gone.
  void gone(Turn turn, const NodeId& node);
  /// This node goes on as a later life of itself: others hear from it under that epoch, or not at all. What it owes
  /// keeps its names. All members are down.
  void raise_epoch(Turn turn, std::uint64_t epoch);

  /// A frame of group work. Others are ignored.
  void on_frame(Turn turn, const Life& from, const wire::Frame& frame, const wire::Buffer& bytes);

  /// Cuts frames for whoever has room. Call at the end of every turn.
  void pump(Turn turn, const Room& room);

  /// Whether `pump` may have something to send.
  [[nodiscard]] bool wants_pump() const;
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;

  // The journal.

  /// What was appended is to be copied, where copies are kept. Before `written`.
  void appended(const storage::Commit& commit);
  void written(Turn turn, Position end);
  void synced(Turn turn, Position end);
  [[nodiscard]] Result<void> replay(Position position, std::string_view record);

  /// As Machine::recovered.
  void recovered(Turn turn, const std::optional<std::vector<Flight>>& flights);
  [[nodiscard]] Position oldest() const;
  bool carry(Position keep, std::uint64_t bytes, const Machine::Read& read, storage::Commit& log);

  /// Everything before it is as safe as `replicated` promises, or as far as that goes when it may be less.
  [[nodiscard]] Position safe() const;
  [[nodiscard]] Safety safety(Position end) const;

  /// The directory was put back to an older state: this node must not go on.
  [[nodiscard]] std::optional<RolledBack> rolled_back() const;

  /// Fewer guardians than wanted keep copies of what is owed here; never where no copies are wanted.
  [[nodiscard]] bool degraded() const;
  /// About what is owed here, and in the copies that are kept for others, takes in the journal.
  [[nodiscard]] std::uint64_t record_bytes() const;
  [[nodiscard]] std::vector<Guard::View> copies_kept() const;
  [[nodiscard]] std::vector<Copies::View> guardians() const;
  [[nodiscard]] const GuardCounters& guard_counters() const;
  [[nodiscard]] const CopiesCounters& copies_counters() const;

  // Execution on this node, of its own work and that of others.

  /// This node runs the group with so many at once from now on; 0: no longer.
  void runs(Turn turn, GroupIndex group, std::uint32_t slots);
  /// Nothing of a paused group is given out, be it owed here or by others.
  void pause(Turn turn, GroupIndex group, bool paused);
  void take(Turn turn, GroupIndex group, std::size_t max, std::vector<Job>& out);
  void give_back(Turn turn, Handle handle);
  void finished(Turn turn, const Job& job, const Ran& ran);

  /// The event that an action asked for; null: it cannot be read, for `why`.
  void loaded(Turn turn, Handle handle, std::shared_ptr<const Parcel> event, std::string_view why);

  /// Nothing is taken from others any more, and what is queued goes back.
  void leave(Turn turn);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace evmesh::work
