#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include "work/mesh_types.hpp"

namespace evmesh::work {

/// Whether those that hold copies of what this node owes may take it for dead: they adopt a node of which they have heard
/// nothing for 3 s, and it may have stood still or been cut off as long. Once a guardian, always one, until its life is
/// over: nobody knows when it has heard that it is none any more. Pure. Not thread-safe.
class OwnerLease {
 public:
  /// `lease`: shorter than what makes a silent member dead, as that of executors.
  explicit OwnerLease(std::chrono::milliseconds lease = std::chrono::milliseconds{2'500}) : lease_(lease) {}

  /// When the last of this node's beats that a member has heard was sent; nothing when it is not known any more.
  using HeardAt = std::function<std::optional<MonoTime>(const Life&)>;

  /// It hears again, from now on: what it was silent before is over.
  void came_up(const Life& life, MonoTime now) { up_at_[life] = now; }

  void ended(const Life& life) { up_at_.erase(life); }

  /// Whether what is owed by now may be owed elsewhere, too; true once for each silence of each of them.
  [[nodiscard]] bool lapsed(MonoTime now, std::span<const Life> guardians, const HeardAt& heard_at);

 private:
  const std::chrono::milliseconds lease_;
  std::map<Life, bool> silent_;  // those that are, or were, guardians
  std::map<Life, MonoTime> up_at_;
};

}  // namespace evmesh::work
