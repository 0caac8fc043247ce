#include "routing/batch.hpp"

#include <utility>

namespace evmesh::routing {

Batch::Batch(std::string bytes, std::vector<std::uint64_t> hashes, PeerMask wanted)
    : bytes_(std::move(bytes)), hashes_(std::move(hashes)), events_{{0, bytes_.size(), 0, hashes_.size(), wanted}} {}

void Batch::add(std::string_view bytes, std::span<const std::uint64_t> hashes, PeerMask wanted) {
  events_.push_back({bytes_.size(), bytes.size(), hashes_.size(), hashes.size(), wanted});
  bytes_.append(bytes);
  hashes_.insert(hashes_.end(), hashes.begin(), hashes.end());
}

std::uint64_t Batch::slack_bytes() const {
  return bytes_.capacity() - bytes_.size() + (hashes_.capacity() - hashes_.size()) * sizeof(std::uint64_t) +
         (events_.capacity() - events_.size()) * sizeof(Event);
}

}  // namespace evmesh::routing
