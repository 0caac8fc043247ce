#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "require.hpp"
#include "sim/dice.hpp"

namespace evmesh::fuzz {

/// Plays a simulator's world whose dice fall as the input says, as far as it goes: it decides which messages arrive, which
/// timers fire late, who crashes. Every promise the simulator checks holds.
template <class World>
int play(const std::uint8_t* data, std::size_t size) {
  const sim::ChosenThrows chosen(std::span(data, size));
  const auto outcome = World(1, false).run();
  if (outcome.violation) {
    require(false, "step " + std::to_string(outcome.step) + ", invariant " + outcome.violation->invariant + ": " +
                       outcome.violation->what);
  }
  return 0;
}

}  // namespace evmesh::fuzz
