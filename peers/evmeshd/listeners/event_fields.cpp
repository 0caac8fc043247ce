#include "evmeshd/listeners/event_fields.hpp"

namespace evmesh::daemon {

std::vector<std::pair<std::string, std::string>> event_fields(const Delivery& delivery,
                                                              const ListenerSpec& listener) {
  const Event& event = delivery.event;
  std::vector<std::pair<std::string, std::string>> fields{{"listener", listener.name},
                                                          {"bus", listener.bus},
                                                          {"event_id", event.id().to_string()},
                                                          {"type", event.type()},
                                                          {"user", event.user()}};
  if (delivery.key != nullptr) fields.emplace_back("key", delivery.key->to_string());
  if (delivery.group != nullptr) {
    fields.emplace_back("group", delivery.group->to_string());
    fields.emplace_back("attempt", std::to_string(delivery.attempt));
  }
  if (delivery.possibly_duplicate) fields.emplace_back("possibly_duplicate", "true");
  return fields;
}

}  // namespace evmesh::daemon
