#include "wire/digest.hpp"

#include <string>

#include "base/hash.hpp"
#include "wire/cursor.hpp"
#include "wire/work_bodies.hpp"

namespace evmesh::wire {

std::uint64_t digest_of_key(std::uint64_t hash) {
  std::string bytes;
  Writer(bytes).number(hash);
  return base::hash64(bytes);
}

std::uint64_t digest_of_each_node(std::uint16_t bus) {
  std::string bytes = "each-node";
  Writer(bytes).number(bus);
  return base::hash64(bytes);
}

std::uint64_t digest_of_member(const MemberEntry& entry) {
  const unsigned left = entry.state == MemberState::left ? 1U : 0U;
  const unsigned forgotten = entry.forgotten ? 2U : 0U;
  std::string bytes;
  {
    Writer writer(bytes);
    writer.id(entry.id);
    writer.number(entry.epoch);
    writer.number(static_cast<std::uint8_t>(left | forgotten));
  }
  return base::hash64(bytes);
}

std::uint64_t digest_of_group(const GroupEntry& entry) {
  std::string bytes;
  {
    Writer writer(bytes);
    group_entry(writer, entry);
  }
  return base::hash64(bytes);
}

}  // namespace evmesh::wire
