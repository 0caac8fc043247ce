#include "work/letter_id.hpp"

#include <chrono>
#include <string>

#include "base/hash.hpp"

namespace evmesh::work {

/// A UUID of version 8: the time of the acceptance in milliseconds and a hash of the obligation.
DeadLetterId letter_id(const storage::Place& place, Timestamp accepted) {
  std::string name(place.id.owner.bytes.begin(), place.id.owner.bytes.end());
  for (const std::uint64_t number :
       {place.id.epoch, place.id.seq, place.group, std::uint64_t{place.generation}}) {
    for (unsigned shift = 0; shift < 64; shift += 8) name.push_back(static_cast<char>(number >> shift));
  }
  const auto since = std::chrono::floor<std::chrono::milliseconds>(accepted.time_since_epoch());
  const auto time = static_cast<std::uint64_t>(since.count());
  const std::uint64_t high = base::hash64(name);
  const std::uint64_t low = base::hash64(name + "2");
  DeadLetterId id;
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(time >> (8 * (5 - i)));
  for (std::size_t i = 6; i < 8; ++i) id.bytes[i] = static_cast<std::uint8_t>(high >> (8 * (i - 6)));
  for (std::size_t i = 8; i < 16; ++i) id.bytes[i] = static_cast<std::uint8_t>(low >> (8 * (i - 8)));
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0fU) | 0x80U);
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3fU) | 0x80U);
  return id;
}

}  // namespace evmesh::work
