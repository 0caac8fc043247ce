#pragma once

#include <string_view>

#include <evmesh/log.hpp>
#include <evmesh/result.hpp>

namespace evmesh::peers {

/// How a line begins.
enum class LogForm {
  timestamp,  ///< `ts=2026-11-21T23:40:08.123456Z level=...`
  journal,    ///< `<4>level=...`: systemd keeps the time and reads the level
};

/// `journal` when systemd has connected standard error to its journal (JOURNAL_STREAM is set), otherwise
/// `timestamp`.
[[nodiscard]] LogForm log_form_here();

/// Writes records of `least` and above to standard error, one logfmt line each, one write per line.
/// Thread-safe.
[[nodiscard]] LogSink stderr_log(LogLevel least, LogForm form);

/// "debug", "info", "warning" or "error"; else `invalid_argument` naming the text.
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);

}  // namespace evmesh::peers
