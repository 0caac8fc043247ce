#include "work/finished.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::work {

namespace {

constexpr std::size_t failed_max = 10;
constexpr std::size_t error_bytes_max = 256;

/// Cut where a character begins.
void shorten(std::string& text) {
  if (text.size() <= error_bytes_max) return;
  std::size_t end = error_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  text.resize(end);
  text.shrink_to_fit();
}

}  // namespace

void FinishedRing::add(Finished finished) {
  if (finished.failed.size() > failed_max) {
    finished.failed.erase(finished.failed.begin(), finished.failed.end() - failed_max);
  }
  for (Attempt& attempt : finished.failed) shorten(attempt.error);
  if (ring_.size() < size_) {
    ring_.push_back(std::move(finished));
    return;
  }
  ring_[next_] = std::move(finished);
  next_ = (next_ + 1) % size_;
}

std::vector<Finished> FinishedRing::of(std::span<const EventId> events) const {
  std::vector<EventId> asked(events.begin(), events.end());
  std::ranges::sort(asked);
  std::vector<Finished> found;
  for (std::size_t at = 0; at < ring_.size(); ++at) {
    const Finished& each = ring_[(next_ + at) % ring_.size()];
    if (std::ranges::binary_search(asked, each.event_id)) found.push_back(each);
  }
  return found;
}

}  // namespace evmesh::work
