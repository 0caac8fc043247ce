#include "base/log_sink.hpp"

#include <limits>
#include <memory>
#include <mutex>

#include "base/text.hpp"

namespace evmesh {

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "unknown_level";
}

namespace base {
namespace {

bool stands_bare(std::string_view value) {
  return !value.empty() && printable(value) && value.find_first_of(" \"=\\") == std::string_view::npos;
}

void append_field(std::string& line, std::string_view name, std::string_view value) {
  if (!line.empty()) line += ' ';
  line.append(name).append(1, '=');
  if (stands_bare(value)) {
    line += value;
    return;
  }
  line.append(1, '"').append(escaped(value, std::numeric_limits<std::size_t>::max())).append(1, '"');
}

}  // namespace

void log(const LogSink& sink, LogLevel level, std::string_view message, LogFields fields) {
  if (!sink) return;
  try {
    sink(LogRecord{level, std::string(message), std::move(fields)});
  } catch (...) {
    // The sink is the host's; there is nowhere left to complain, and the caller's work must go on.
  }
}

LogSink one_at_a_time(LogSink sink) {
  if (!sink) return {};
  // Shared because a std::function is copied, and all copies must wait for each other.
  auto mutex = std::make_shared<std::mutex>();
  return [sink = std::move(sink), mutex = std::move(mutex)](const LogRecord& record) {
    const std::lock_guard lock(*mutex);
    sink(record);
  };
}

std::string format_logfmt(const LogRecord& record) {
  std::string line;
  append_field(line, "level", to_string(record.level));
  append_field(line, "msg", record.message);
  for (const auto& [name, value] : record.fields) append_field(line, name, value);
  return line;
}

}  // namespace base
}  // namespace evmesh
