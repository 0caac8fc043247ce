#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "require.hpp"
#include "sim/dice.hpp"

namespace evmesh::fuzz {

/// Plays a simulator's small world whose dice fall as the input says, as far as it goes: it decides which messages arrive,
/// which timers fire late, who crashes. Every promise the simulator checks holds. The first byte is the seed, of which a
/// plan's kind follows that is not thrown: whether nodes keep copies, whether some are of a later version.
template <class World, class Draw>
int play(const std::uint8_t* data, std::size_t size, Draw draw) {
  constexpr std::uint64_t seeds = 7;
  const std::uint64_t seed = size == 0 ? 1 : 1 + data[0] % seeds;
  const sim::ChosenThrows chosen(std::span(data, size).subspan(size == 0 ? 0 : 1));
  const auto outcome = World(small(draw(seed)), false).run();
  if (outcome.violation) {
    require(false, "step " + std::to_string(outcome.step) + ", invariant " + outcome.violation->invariant + ": " +
                       outcome.violation->what);
  }
  return 0;
}

}  // namespace evmesh::fuzz
