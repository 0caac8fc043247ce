#include "transport/names.hpp"

#include <algorithm>

namespace evmesh::transport {
namespace {

constexpr std::string_view barrier_prefix =
    "\xff"
    "B";
constexpr std::size_t id_bytes = sizeof(NodeId::bytes);
constexpr std::size_t epoch_bytes = sizeof(std::uint64_t);

template <class Number>
void append_little_endian(std::string& out, Number number) {
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    out.push_back(static_cast<char>((number >> (8 * i)) & 0xff));
}

void append_life(std::string& out, const wire::Life& life) {
  out.append(life.id.bytes.begin(), life.id.bytes.end());
  append_little_endian(out, life.epoch);
}

}  // namespace

std::string routing_id(const wire::Life& life, std::uint32_t link) {
  std::string id(1, '\x01');  // a leading zero is the space of names that ZeroMQ makes up itself
  append_life(id, life);
  append_little_endian(id, link);
  return id;
}

std::string barrier_topic(const wire::Life& follower) {
  std::string topic(barrier_prefix);
  append_life(topic, follower);
  return topic;
}

std::optional<wire::Life> parse_barrier_topic(std::string_view topic) {
  if (topic.size() != barrier_prefix.size() + id_bytes + epoch_bytes || !topic.starts_with(barrier_prefix)) {
    return std::nullopt;
  }
  wire::Life life;
  std::copy_n(topic.begin() + barrier_prefix.size(), id_bytes, life.id.bytes.begin());
  const std::string_view epoch = topic.substr(barrier_prefix.size() + id_bytes);
  for (std::size_t i = epoch_bytes; i > 0; --i) {
    life.epoch = (life.epoch << 8) | static_cast<std::uint8_t>(epoch[i - 1]);
  }
  return life;
}

}  // namespace evmesh::transport
