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
  std::string notice;  ///< of `registered` and `gap`: a sentence
};

/// `bug` when the line is none of those.
[[nodiscard]] peers::Outcome<StreamLine> read_stream_line(const std::string& line);

/// Writes events as they come: rows under one heading, JSON lines, or one JSON document that `finish` completes.
class StreamPrinter {
 public:
  /// `names` are node names by id, for the column FROM.
  StreamPrinter(const Output& output, std::map<std::string, std::string> names)
      : output_(output), names_(std::move(names)) {}

  [[nodiscard]] peers::Outcome<void> begin();
  [[nodiscard]] peers::Outcome<void> event(const StreamLine& line);
  [[nodiscard]] peers::Outcome<void> gap(const StreamLine& line);
  [[nodiscard]] peers::Outcome<void> finish();

 private:
  [[nodiscard]] peers::Outcome<void> item(const std::string& json);
  [[nodiscard]] std::string name_of(const std::string& publisher) const;

  const Output& output_;
  const std::map<std::string, std::string> names_;
  bool first_ = true;
};

}  // namespace evmesh::cli
