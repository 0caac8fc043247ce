#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <evmesh/mailbox.hpp>
#include <evmesh/result.hpp>

/// File and directory names of Maildir++.
namespace evmesh::maildir {

/// A message file's name, taken apart.
struct MessageName {
  std::string base;  ///< what stays when flags change and when the message moves: all before the first ':'
  mailbox::SystemFlags flags;  ///< from the info part; letters that stand for no system flag are left out

  bool operator==(const MessageName&) const = default;
};

/// D, F, R, S and T after `:2,` are draft, flagged, answered, seen and deleted. Nothing for hidden files,
/// which are no messages. `invalid_argument` for a name that is no UTF-8 or holds control characters: it
/// cannot stand in an event.
[[nodiscard]] Result<std::optional<MessageName>> parse_message_name(std::string_view file_name);

/// The mailbox name of a directory: `.Projects.2026` is `Projects.2026`, with modified UTF-7 (RFC
/// 3501, 5.1.3) decoded. `invalid_argument` naming the directory when it is no modified UTF-7, holds control
/// characters, or would be called INBOX, which is the Maildir itself.
[[nodiscard]] Result<std::string> parse_folder_name(std::string_view directory_name);

/// The name of the Maildir itself.
inline constexpr std::string_view inbox = "INBOX";

}  // namespace evmesh::maildir
