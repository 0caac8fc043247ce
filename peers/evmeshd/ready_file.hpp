#pragma once

#include <filesystem>
#include <string>

#include <evmesh/node.hpp>

#include "common/exit_code.hpp"

namespace evmesh::daemon {

/// What starting scripts wait for: one JSON object with pid, id, name, epoch, mode, the real endpoints and
/// the admin socket.
[[nodiscard]] std::string ready_json(const NodeStatus& status, const std::filesystem::path& admin_socket,
                                     long pid);

/// The file that says "ready": there only while the node is. Not copied.
class ReadyFile {
 public:
  /// Takes away what an earlier run left. `path` may be empty: then nothing is ever written.
  explicit ReadyFile(const std::filesystem::path& path);
  ReadyFile(const ReadyFile&) = delete;
  ReadyFile& operator=(const ReadyFile&) = delete;
  ~ReadyFile();

  /// `io` when it cannot be written.
  [[nodiscard]] peers::Outcome<void> write(const std::string& json) const;

 private:
  void remove() const;

  std::filesystem::path path_;  // absolute, or empty
};

}  // namespace evmesh::daemon
