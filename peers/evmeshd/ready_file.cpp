#include "evmeshd/ready_file.hpp"

#include <system_error>

#include <nlohmann/json.hpp>

#include "common/files.hpp"

namespace evmesh::daemon {

std::string ready_json(const NodeStatus& status, const std::filesystem::path& admin_socket, long pid) {
  const nlohmann::ordered_json ready{
      {"schema", "evmesh.ready.v1"},
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

ReadyFile::ReadyFile(const std::filesystem::path& path)
    : path_(path.empty() ? path : std::filesystem::absolute(path)) {
  remove();
}

ReadyFile::~ReadyFile() { remove(); }

peers::Outcome<void> ReadyFile::write(const std::string& json) const {
  if (path_.empty()) return {};
  return peers::replace_file(path_, json);
}

void ReadyFile::remove() const {
  std::error_code ignored;  // what cannot be taken away cannot be written either, and that is told
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

}  // namespace evmesh::daemon
