#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/exit_code.hpp"
#include "evmesh/output.hpp"

namespace evmesh::cli {

/// One line of a stream, taken apart. Value.
struct StreamLine {
  enum class Kind { registered, event, gap, keep_alive };
  Kind kind = Kind::keep_alive;
  std::string json;  ///< as it came
  std::string type, user, key, bus, id, time, publisher, content;
  std::uint64_t seq = 0;
  std::string group;           ///< set for the work of a group
  std::uint64_t delivery = 0;  ///< with `group`: what its answer names
  std::uint64_t attempt = 1;
  bool possibly_duplicate = false;
  std::string notice;  ///< of `registered` and `gap`: a sentence
};

/// Node names by id.
using NodeNames = std::map<std::string, std::string>;

/// `bug` when the line is none of those. `names` are for the notices.
[[nodiscard]] peers::Outcome<StreamLine> read_stream_line(const std::string& line, const NodeNames& names);

/// Writes events as they come: rows under one heading, JSON lines, or one JSON document that `finish`
/// completes.
class StreamPrinter {
 public:
  /// `names` are for the column FROM; they outlive the printer.
  StreamPrinter(const Output& output, const NodeNames& names) : output_(output), names_(names) {}

  [[nodiscard]] peers::Outcome<void> begin();
  [[nodiscard]] peers::Outcome<void> event(const StreamLine& line);
  [[nodiscard]] peers::Outcome<void> gap(const StreamLine& line);
  [[nodiscard]] peers::Outcome<void> finish();

 private:
  [[nodiscard]] peers::Outcome<void> item(const std::string& json);

  const Output& output_;
  const NodeNames& names_;
  bool first_ = true;
};

}  // namespace evmesh::cli
