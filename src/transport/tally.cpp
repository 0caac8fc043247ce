#include "transport/tally.hpp"

namespace evmesh::transport {

std::map<std::string, std::uint64_t> Tally::by_name() const {
  return {
      {"frames_received", frames_received},
      {"bytes_received", bytes_received},
      {"frames_sent", frames_sent},
      {"bytes_sent", bytes_sent},
      {"frames_published", frames_published},
      {"bytes_published", bytes_published},
      {"answers_sent", answers_sent},
      {"answers_unroutable", answers_unroutable},
      {"answers_dropped", answers_dropped},
      {"frames_malformed", frames_malformed},
      {"frames_dropped_link_queue", frames_dropped_link_queue},
      {"frames_dropped_no_link", frames_dropped_no_link},
      {"subscriptions_ignored", subscriptions_ignored},
      {"handshakes_failed", handshakes_failed},
  };
}

}  // namespace evmesh::transport
