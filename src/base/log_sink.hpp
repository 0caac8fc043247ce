#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/log.hpp>

namespace evmesh::base {

using LogFields = std::vector<std::pair<std::string, std::string>>;

/// Hands one record to `sink`; does nothing when `sink` is empty, and swallows what it throws. Thread-safe as
/// `sink` is.
void log(const LogSink& sink, LogLevel level, std::string_view message, LogFields fields = {});

/// `sink` behind a lock: whatever threads call it, it sees one record at a time. Empty stays empty.
/// Thread-safe.
[[nodiscard]] LogSink one_at_a_time(LogSink sink);

/// One line without its end: `level=warning msg=delivery_failed event_id=... key="MailboxId:a b"`. Values are
/// quoted and escaped where a reader would split them; long values are not cut.
[[nodiscard]] std::string format_logfmt(const LogRecord& record);

}  // namespace evmesh::base
