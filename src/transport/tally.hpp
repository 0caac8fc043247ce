#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace evmesh::transport {

/// What a transport has done and dropped so far. Value.
struct Tally {
  std::uint64_t frames_received = 0;  ///< on links' far ends, answers and notifications alike
  std::uint64_t bytes_received = 0;
  std::uint64_t frames_sent = 0;  ///< handed to a link's DEALER
  std::uint64_t bytes_sent = 0;
  std::uint64_t frames_published = 0;
  std::uint64_t bytes_published = 0;
  std::uint64_t answers_sent = 0;
  std::uint64_t answers_unroutable = 0;         ///< the connection is gone
  std::uint64_t answers_dropped = 0;            ///< the other end does not read
  std::uint64_t frames_malformed = 0;           ///< empty or of several parts: not one of ours
  std::uint64_t frames_dropped_link_queue = 0;  ///< the class's queue was full
  std::uint64_t frames_dropped_no_link = 0;     ///< sent on a link that is not open
  std::uint64_t subscriptions_ignored = 0;      ///< more followers than `followers_max`
  std::uint64_t handshakes_failed = 0;          ///< connected to something that does not speak ZMTP

  /// As evmesh_transport_FIELD_total.
  [[nodiscard]] std::map<std::string, std::uint64_t> by_name() const;
};

}  // namespace evmesh::transport
