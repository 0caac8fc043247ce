#include "evmesh-maildir/maildir_name.hpp"

#include <cstdint>
#include <utility>

#include "base/text.hpp"

namespace evmesh::maildir {
namespace {

using mailbox::SystemFlag;

std::optional<SystemFlag> flag_of(char letter) {
  switch (letter) {
    case 'D': return SystemFlag::draft;
    case 'F': return SystemFlag::flagged;
    case 'R': return SystemFlag::answered;
    case 'S': return SystemFlag::seen;
    case 'T': return SystemFlag::deleted;
    default: return std::nullopt;
  }
}

mailbox::SystemFlags flags_of(std::string_view info) {
  mailbox::SystemFlags flags;
  if (!info.starts_with(":2,")) return flags;
  for (const char letter : info.substr(3)) {
    if (const auto flag = flag_of(letter)) flags.insert(*flag);
  }
  return flags;
}

void append_utf8(std::string& text, char32_t code) {
  const auto byte = [&](char32_t bits) { text += static_cast<char>(bits); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | (code >> 6));
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3f));
    byte(0x80 | ((code >> 6) & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
}

/// The six bits of a letter of modified base64, which has ',' where base64 has '/'; -1 for others.
int sextet(char letter) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
  const std::size_t at = alphabet.find(letter);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// The UTF-16 units of what stands between '&' and '-'; nothing when it is malformed.
std::optional<std::u16string> decode_shifted(std::string_view letters) {
  std::u16string units;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char letter : letters) {
    const int value = sextet(letter);
    if (value < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 16) continue;
    held -= 16;
    units += static_cast<char16_t>((bits >> held) & 0xffff);
    bits &= (1U << held) - 1;
  }
  // What is left over must be padding: fewer than six bits, all zero.
  if (held >= 6 || bits != 0 || units.empty()) return std::nullopt;
  return units;
}

bool append_units(std::string& text, const std::u16string& units) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    char32_t code = units[i];
    if (code >= 0xdc00 && code <= 0xdfff) return false;
    if (code >= 0xd800 && code <= 0xdbff) {
      if (i + 1 == units.size() || units[i + 1] < 0xdc00 || units[i + 1] > 0xdfff) return false;
      code = 0x10000 + ((code - 0xd800) << 10) + (static_cast<char32_t>(units[++i]) - 0xdc00);
    }
    append_utf8(text, code);
  }
  return true;
}

/// Modified UTF-7 as UTF-8. Plain UTF-8 passes, because some servers write it (UTF8=ACCEPT); nothing when
/// neither.
std::optional<std::string> decode_utf7(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    const std::size_t shift = text.find('&');
    decoded.append(text.substr(0, shift));
    if (shift == std::string_view::npos) break;
    const std::size_t end = text.find('-', shift);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view letters = text.substr(shift + 1, end - shift - 1);
    text.remove_prefix(end + 1);
    if (letters.empty()) {
      decoded += '&';
      continue;
    }
    const auto units = decode_shifted(letters);
    if (!units || !append_units(decoded, *units)) return std::nullopt;
  }
  return decoded;
}

}  // namespace

Result<std::optional<MessageName>> parse_message_name(std::string_view file_name) {
  if (file_name.empty() || file_name.front() == '.') return std::optional<MessageName>{};
  if (!base::printable(file_name)) {
    return fail(ErrorCode::invalid_argument, "message file " + base::quoted(file_name) +
                                                 " is no printable UTF-8 and is left out; rename it");
  }
  const std::size_t colon = file_name.find(':');
  if (colon == 0) return std::optional<MessageName>{};
  const std::string_view info =
      colon == std::string_view::npos ? std::string_view{} : file_name.substr(colon);
  return MessageName{std::string(file_name.substr(0, colon)), flags_of(info)};
}

Result<std::string> parse_folder_name(std::string_view directory_name) {
  const auto refused = [&](const std::string& why) {
    return fail(ErrorCode::invalid_argument,
                "folder " + base::quoted(directory_name) + ' ' + why + " and is left out; rename it");
  };
  const std::string_view encoded = directory_name.substr(directory_name.starts_with('.') ? 1 : 0);
  std::optional<std::string> name = decode_utf7(encoded);
  if (!name || name->empty() || !base::printable(*name))
    return refused("is no modified UTF-7 of printable characters");
  if (*name == inbox) return refused("has the name of the Maildir itself");
  return std::move(*name);
}

}  // namespace evmesh::maildir
