#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "work/distribution.hpp"
#include "work/machine.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::work {

/// A node that is back asks every member what they run, or have run, of what its earlier lives gave them. For
/// `patience` all that is owed from those lives is held back; then it goes on, and what nobody knew of may be a
/// duplicate. Pure. Not thread-safe.
class Claims {
 public:
  /// Members that are there have been met and have answered by then.
  static constexpr std::chrono::milliseconds patience{2'000};

  /// Both outlive this.
  Claims(const Life& self, Machine& machine, Distribution& distribution)
      : self_(self), machine_(machine), distribution_(distribution) {}

  /// After recovery.
  void begin(MonoTime now);

  void member_up(Turn turn, const Life& life);
  void on(Turn turn, const Life& from, const wire::ClaimAnswer& answer);
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const { return until_; }

  /// Tells somebody who is back what is known here.
  static void answer(Turn turn, const Life& self, const Life& to, const wire::Claim& claim,
                     std::span<const wire::StateEntry> states);

 private:
  void use(Turn turn, const Life& from, const wire::StateEntry& state);

  const Life self_;
  Machine& machine_;
  Distribution& distribution_;
  std::optional<MonoTime> until_;  // empty: nothing is held back
  std::vector<Handle> held_;       // what is; adopters hold back for themselves
  std::uint64_t requests_ = 0;
};

}  // namespace evmesh::work
