#include <cstdlib>
#include <system_error>

#include <unistd.h>

#include "base/text.hpp"

#include "evmeshd/listeners/listener_spec.hpp"

namespace evmesh::daemon {
namespace {

namespace fs = std::filesystem;

bool runnable(const fs::path& file) {
  std::error_code error;
  return fs::is_regular_file(file, error) && ::access(file.c_str(), X_OK) == 0;
}

/// As posix_spawnp will look for it.
bool found(const std::string& program, const fs::path& directory) {
  if (program.find('/') != std::string::npos) return runnable(directory / program);
  const char* variable = std::getenv("PATH");
  std::string_view path = variable == nullptr ? "/bin:/usr/bin" : variable;
  for (;;) {
    const std::size_t end = path.find(':');
    if (runnable(directory / fs::path(path.substr(0, end)) / program)) return true;
    if (end == std::string_view::npos) return false;
    path.remove_prefix(end + 1);
  }
}

std::string warning(const ListenerSpec& listener, const std::string& why) {
  return listener.origin + ": [listener." + listener.name + "]: " + why +
         ", so its events will fail until it is there";
}

}  // namespace

std::vector<std::string> listener_warnings(const std::vector<ListenerSpec>& listeners) {
  std::vector<std::string> warnings;
  for (const ListenerSpec& listener : listeners) {
    if (listener.type != ListenerType::exec) continue;
    std::error_code error;
    if (!listener.directory.empty() && !fs::is_directory(listener.directory, error)) {
      warnings.push_back(
          warning(listener, "directory " + base::quoted(listener.directory.native()) + " is not there"));
    } else if (!found(listener.command.front(), listener.directory)) {
      warnings.push_back(warning(listener, "program " + base::quoted(listener.command.front()) +
                                               " cannot be run by this user, or is not there"));
    }
  }
  return warnings;
}

}  // namespace evmesh::daemon
