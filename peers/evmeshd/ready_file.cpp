#include "evmeshd/ready_file.hpp"

#include <nlohmann/json.hpp>

namespace evmesh::daemon {

std::string ready_json(const NodeStatus& status, const std::filesystem::path& admin_socket, long pid) {
  const nlohmann::ordered_json ready{{"schema", "evmesh.ready.v1"},
                                     {"pid", pid},
                                     {"id", status.id.to_string()},
                                     {"name", status.name},
                                     {"epoch", status.epoch},
                                     {"mode", to_string(status.mode)},
                                     {"work", status.listen},
                                     {"publish", status.publish},
                                     {"admin", std::filesystem::absolute(admin_socket).lexically_normal().native()}};
  return ready.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace evmesh::daemon
