#include "base/random.hpp"

#include <bit>
#include <cassert>
#include <limits>

#include <sodium.h>

namespace evmesh::base {
namespace {

std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31);
}

}  // namespace

std::uint64_t uniform(Random& random, std::uint64_t low, std::uint64_t high) {
  assert(low <= high);
  const std::uint64_t span = high - low;
  if (span == std::numeric_limits<std::uint64_t>::max()) return random.next_u64();

  // Draws from the last, incomplete round of `span + 1` values would favour the low ones; draw again instead.
  const std::uint64_t count = span + 1;
  const std::uint64_t rejected = (0 - count) % count;
  std::uint64_t drawn = random.next_u64();
  while (drawn < rejected) drawn = random.next_u64();
  return low + drawn % count;
}

double unit_interval(Random& random) {
  return static_cast<double>(random.next_u64() >> 11) * 0x1.0p-53;  // the 53 bits a double holds exactly
}

SystemRandom::SystemRandom() {
  // Makes the calls below thread-safe. Repeating it is harmless, and on Linux it cannot fail (getrandom).
  [[maybe_unused]] const int done = sodium_init();
}

void SystemRandom::fill(std::span<std::byte> out) { randombytes_buf(out.data(), out.size()); }

void SystemRandom::fill_in_bulk(std::span<std::byte> out) {
  std::array<unsigned char, crypto_stream_chacha20_KEYBYTES> key{};
  constexpr std::array<unsigned char, crypto_stream_chacha20_NONCEBYTES> nonce{};  // each key is used once
  randombytes_buf(key.data(), key.size());
  crypto_stream_chacha20(reinterpret_cast<unsigned char*>(out.data()), out.size(), nonce.data(), key.data());
  sodium_memzero(key.data(), key.size());
}

std::uint64_t SystemRandom::next_u64() {
  std::uint64_t value = 0;
  randombytes_buf(&value, sizeof value);
  return value;
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = splitmix64(seed);
}

std::uint64_t SeededRandom::next_u64() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRandom::fill(std::span<std::byte> out) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i % 8 == 0) word = next_u64();
    out[i] = static_cast<std::byte>(word >> (8 * (i % 8)));
  }
}

}  // namespace evmesh::base
