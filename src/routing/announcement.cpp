#include "routing/announcement.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "wire/digest.hpp"

namespace evmesh::routing {

namespace {

// What a frame of 64 KiB holds beside its fixed fields.
constexpr std::size_t hashes_per_frame = (limits::announcement_frame_bytes_max - limits::kib) / sizeof(std::uint64_t);

}  // namespace

std::uint64_t LocalAnnouncement::change(std::size_t bus, std::span<const RegistrationKey> added,
                                        std::span<const RegistrationKey> removed, std::optional<bool> each_node) {
  for (const RegistrationKey& key : added) add(wire::interest_hash(buses_[bus], key.to_string()));
  for (const RegistrationKey& key : removed) remove(wire::interest_hash(buses_[bus], key.to_string()));
  const auto number = static_cast<std::uint16_t>(bus);
  if (each_node && *each_node != each_node_.contains(number)) {
    digest_ ^= wire::digest_of_each_node(number);
    if (*each_node) each_node_.insert(number);
    else each_node_.erase(number);
  }
  return ++version_;
}

void LocalAnnouncement::add(std::uint64_t hash) {
  if (++counts_[hash] > 1) return;
  digest_ ^= wire::digest_of_key(hash);
  if (removed_.erase(hash) == 0) added_.insert(hash);
}

void LocalAnnouncement::remove(std::uint64_t hash) {
  const auto found = counts_.find(hash);
  if (found == counts_.end() || --found->second > 0) return;
  counts_.erase(found);
  digest_ ^= wire::digest_of_key(hash);
  if (added_.erase(hash) == 0) removed_.insert(hash);
}

std::optional<wire::Announce> LocalAnnouncement::flush() {
  if (flushed_ == version_) return std::nullopt;
  wire::Announce change;
  change.base = flushed_;
  change.version = version_;
  change.each_node.assign(each_node_.begin(), each_node_.end());
  change.added.assign(added_.begin(), added_.end());
  change.removed.assign(removed_.begin(), removed_.end());
  added_.clear();
  removed_.clear();
  flushed_ = version_;
  return change;
}

bool LocalAnnouncement::large_change() const { return added_.size() + removed_.size() > hashes_per_frame; }

std::vector<wire::Announce> LocalAnnouncement::whole() const {
  std::vector<std::uint64_t> hashes;
  hashes.reserve(counts_.size());
  for (const auto& [hash, count] : counts_) hashes.push_back(hash);
  std::sort(hashes.begin(), hashes.end());
  const std::size_t full = (hashes.size() + hashes_per_frame - 1) / hashes_per_frame;
  const auto parts = static_cast<std::uint32_t>(std::max<std::size_t>(1, full));
  std::vector<wire::Announce> frames(parts);
  for (std::uint32_t part = 0; part < parts; ++part) {
    const auto first = hashes.begin() + static_cast<std::ptrdiff_t>(part * hashes_per_frame);
    const auto last = part + 1 == parts ? hashes.end() : first + static_cast<std::ptrdiff_t>(hashes_per_frame);
    frames[part] = {0, flushed_, part, parts, {each_node_.begin(), each_node_.end()}, {first, last}, {}};
  }
  return frames;
}

Assembly::Result Assembly::add(const wire::Announce& part) {
  if (part.version != version_ || part.parts != parts_) {
    clear();
    version_ = part.version;
    parts_ = part.parts;
  }
  if (!seen_.insert(part.part).second) return Result::more;
  if (hashes_.size() + part.added.size() > limits::keys_per_node_max) {
    clear();
    return Result::too_many;
  }
  hashes_.insert(hashes_.end(), part.added.begin(), part.added.end());
  return seen_.size() == parts_ ? Result::complete : Result::more;
}

void Assembly::clear() { *this = Assembly{}; }

}  // namespace evmesh::routing
