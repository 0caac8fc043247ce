#include "routing/types.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::routing {

bool Arrivals::add(const wire::EventSlice& event) {
  const std::size_t first = keys_.size();
  const auto count = wire::append_keys(event.bytes, keys_);
  if (!count) return false;
  events_.push_back({event.seq, event.bytes, first, *count});
  return true;
}

void Arrivals::pop_back() {
  keys_.resize(events_.back().first_key);
  events_.pop_back();
}

}  // namespace evmesh::routing
