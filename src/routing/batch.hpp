#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "routing/interest.hpp"

namespace evmesh::routing {

/// Events on their way into a stream, in the order of their numbers, in memory that is one piece for all. Value.
class Batch {
 public:
  struct Event {
    std::size_t begin = 0;
    std::size_t bytes = 0;  ///< 0: nobody needs it, it only gets a number
    std::size_t first_hash = 0;
    std::size_t hashes = 0;
    PeerMask wanted = 0;  ///< what the interest table says of it
  };

  Batch() = default;

  /// Of one event.
  Batch(std::string bytes, std::vector<std::uint64_t> hashes, PeerMask wanted);

  /// `bytes`: the encoded event, or nothing when nobody needs it; `hashes`: of its keys.
  void add(std::string_view bytes, std::span<const std::uint64_t> hashes, PeerMask wanted);

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] bool empty() const { return events_.empty(); }

  /// Valid as long as the batch is neither changed nor moved.
  [[nodiscard]] std::string_view bytes_of(const Event& event) const {
    return std::string_view(bytes_).substr(event.begin, event.bytes);
  }
  [[nodiscard]] std::span<const std::uint64_t> hashes_of(const Event& event) const {
    return std::span(hashes_).subspan(event.first_hash, event.hashes);
  }

  /// Memory that is held and not used.
  [[nodiscard]] std::uint64_t slack_bytes() const;

 private:
  std::string bytes_;
  std::vector<std::uint64_t> hashes_;
  std::vector<Event> events_;
};

}  // namespace evmesh::routing
