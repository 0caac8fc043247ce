#include "common/stderr_log.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/log_sink.hpp"
#include "base/text.hpp"

namespace evmesh::peers {
namespace {

std::string_view journal_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "<7>";
    case LogLevel::info: return "<6>";
    case LogLevel::warning: return "<4>";
    case LogLevel::error: return "<3>";
  }
  return "<3>";
}

std::string timestamp_prefix() {
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("ts={:%Y-%m-%dT%H:%M:%S}.{:06}Z ",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(second)), (now - second).count());
}

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;  // there is nowhere left to complain
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

LogForm log_form_here() {
  return std::getenv("JOURNAL_STREAM") != nullptr ? LogForm::journal : LogForm::timestamp;
}

LogSink stderr_log(LogLevel least, LogForm form) {
  return base::one_at_a_time([least, form](const LogRecord& record) {
    if (record.level < least) return;
    std::string line =
        form == LogForm::journal ? std::string(journal_prefix(record.level)) : timestamp_prefix();
    line += base::format_logfmt(record);
    line += '\n';
    write_all(line);
  });
}

Result<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error}) {
    if (to_string(level) == text) return level;
  }
  return fail(ErrorCode::invalid_argument,
              base::quoted(text) + " is no log level; use debug, info, warning or error");
}

}  // namespace evmesh::peers
