#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <evmesh/event.hpp>
#include <evmesh/mailbox/values.hpp>

namespace evmesh::event {

/// Appends ISO 8601 in UTC with none, three, six or nine digits of fraction, whichever holds it all:
/// 2024-03-01T09:30:00.250Z. Source: java.time.Instant, which James prints.
void append_instant(std::string& out, mailbox::Instant instant);
[[nodiscard]] std::string format_instant(Timestamp time);

/// What the function above writes, with 0 to 9 digits of fraction. Nothing for any other text, a date that
/// does not exist or one outside 1677-09-22 to 2262-04-10.
[[nodiscard]] std::optional<mailbox::Instant> parse_instant(std::string_view text);

}  // namespace evmesh::event
