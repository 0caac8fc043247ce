#include "evmesh/find_server.hpp"

#include <algorithm>
#include <system_error>
#include <vector>

namespace evmesh::cli {
namespace {

namespace fs = std::filesystem;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

bool socket_at(const fs::path& path) {
  std::error_code error;
  return fs::is_socket(path, error);
}

std::vector<fs::path> in_node_directories(const fs::path& directory) {
  std::vector<fs::path> found;
  if (socket_at(directory / "admin.sock")) found.push_back(directory / "admin.sock");
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(directory, fs::directory_options::skip_permission_denied, error)) {
    if (socket_at(entry.path() / "admin.sock")) found.push_back(entry.path() / "admin.sock");
  }
  return found;
}

std::vector<fs::path> sockets_in(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(directory, fs::directory_options::skip_permission_denied, error)) {
    if (entry.path().extension() == ".sock" && socket_at(entry.path())) found.push_back(entry.path());
  }
  return found;
}

Outcome<peers::ServerAddress> parse(const std::string& text) {
  auto address = peers::ServerAddress::parse(text);
  if (!address) return end_with(ExitCode::usage, "--server: " + address.error().message);
  return std::move(*address);
}

}  // namespace

Outcome<peers::ServerAddress> find_server(const std::string& given,
                                          const std::map<std::string, std::string>& environment,
                                          const fs::path& working_directory) {
  if (!given.empty()) return parse(given);
  std::vector<fs::path> found = in_node_directories(working_directory);
  const auto runtime = environment.find("XDG_RUNTIME_DIR");
  if (found.empty() && runtime != environment.end()) found = sockets_in(fs::path(runtime->second) / "evmesh");
  if (found.empty()) found = sockets_in("/run/evmesh");
  if (found.empty()) {
    return end_with(
        ExitCode::unavailable,
        "no node found in this directory, $XDG_RUNTIME_DIR/evmesh or /run/evmesh; start evmeshd, or say "
        "which one: evmesh --server DATA-DIR/admin.sock ... (or EVMESH_SERVER)");
  }
  if (found.size() == 1) return parse("unix:" + found.front().native());
  std::ranges::sort(found);
  std::string list;
  for (const fs::path& path : found) list += " " + path.native();
  return end_with(ExitCode::usage,
                  "several nodes found; choose one with --server (or EVMESH_SERVER):" + list);
}

}  // namespace evmesh::cli
