#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

#include <evmesh/listener.hpp>

#include "common/files.hpp"

namespace evmesh::daemon {

/// Appends the JSON of each event, as `evmesh listen -o jsonl` prints it, to a file, one line and one write
/// each, so that several writers do not mix. The file is opened for every line: one that was renamed or
/// removed is made anew. Group work is done when its line is synced to the disk; a line that could not be
/// written whole is taken back, and the attempt failed. Thread-safe.
class FileListener {
 public:
  FileListener(std::filesystem::path file, std::string bus) : file_(std::move(file)), bus_(std::move(bus)) {}

  [[nodiscard]] Outcome handle(const Delivery& delivery);

 private:
  [[nodiscard]] int append(const peers::Fd& fd, std::string line);

  const std::filesystem::path file_;
  const std::string bus_;
  std::mutex mutex_;   // one writer at a time, and guards the line below
  bool torn_ = false;  // the file ends with a piece of a line that could not be taken back
};

}  // namespace evmesh::daemon
