#pragma once

#include <string>
#include <utility>
#include <vector>

#include <evmesh/listener.hpp>

#include "evmeshd/listeners/listener_spec.hpp"

namespace evmesh::daemon {

/// What a log line says of an event that a configured listener got; never its content.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> event_fields(const Delivery& delivery,
                                                                            const ListenerSpec& listener);

}  // namespace evmesh::daemon
