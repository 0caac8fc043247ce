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

  /// After recovery. What any of `guardians` may have taken over unheard may be a duplicate.
  void begin(MonoTime now, const std::vector<NodeId>& guardians = {});

  /// This node goes on as a later life of itself.
  void raise_epoch(std::uint64_t epoch) { self_.epoch = epoch; }

  void member_up(Turn turn, const Life& life);
  void on(Turn turn, const Life& from, const wire::ClaimAnswer& answer);
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const { return until_; }

  /// Tells somebody who is back what is known here: how far the log of an earlier life of it was seen (`epoch` 0: it was
  /// not), and what this node ran of it.
  struct Seen {
    std::uint64_t epoch = 0;
    Position synced = 0;
  };
  static void answer(Turn turn, const Life& self, const Life& to, const wire::Claim& claim, const Seen& seen,
                     std::span<const wire::StateEntry> states);

 private:
  struct End {
    wire::StateEntry state;
    NodeId node;
  };

  void use(Turn turn, const Life& from, const wire::StateEntry& state);

  Life self_;
  Machine& machine_;
  Distribution& distribution_;
  std::optional<MonoTime> until_;  // empty: nothing is held back
  std::vector<Handle> held_;       // what is; adopters hold back for themselves
  std::vector<NodeId> unheard_;    // guardians that have not answered
  std::vector<End> ends_;          // failures, heard of while all is held back
  std::uint64_t requests_ = 0;
};

}  // namespace evmesh::work
