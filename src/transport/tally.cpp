#include "transport/tally.hpp"

namespace evmesh::transport {

std::map<std::string, std::uint64_t> Tally::by_name() const {
  return {
      {"evmesh_transport_frames_received_total", frames_received},
      {"evmesh_transport_bytes_received_total", bytes_received},
      {"evmesh_transport_frames_sent_total", frames_sent},
      {"evmesh_transport_bytes_sent_total", bytes_sent},
      {"evmesh_transport_frames_published_total", frames_published},
      {"evmesh_transport_bytes_published_total", bytes_published},
      {"evmesh_transport_answers_sent_total", answers_sent},
      {"evmesh_transport_answers_unroutable_total", answers_unroutable},
      {"evmesh_transport_answers_dropped_total", answers_dropped},
      {"evmesh_transport_frames_malformed_total", frames_malformed},
      {"evmesh_transport_frames_dropped_link_queue_total", frames_dropped_link_queue},
      {"evmesh_transport_frames_dropped_no_link_total", frames_dropped_no_link},
      {"evmesh_transport_subscriptions_ignored_total", subscriptions_ignored},
      {"evmesh_transport_handshakes_failed_total", handshakes_failed},
  };
}

}  // namespace evmesh::transport
