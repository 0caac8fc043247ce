#include "event/json_text.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace evmesh::event {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// Length of the string at the start of `text`, quotes included.
std::size_t string_length(std::string_view text) {
  std::size_t at = 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at + 1, text.size());
}

/// Length of the array or object at the start of `text`.
std::size_t container_length(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      at += string_length(text.substr(at)) - 1;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

std::size_t value_length(std::string_view text) {
  if (text.front() == '"') return string_length(text);
  if (text.front() == '{' || text.front() == '[') return container_length(text);
  return std::min(text.find_first_of(",]} \t\n\r"), text.size());
}

std::uint32_t hex4(std::string_view digits) {
  std::uint32_t value = 0;
  for (const char c : digits.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    value = value * 16 + static_cast<std::uint32_t>(c <= '9' ? c - '0' : lower - 'a' + 10);
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) {
    byte(0xc0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      byte(0xe0 | (code >> 12));
    } else {
      byte(0xf0 | (code >> 18));
      byte(0x80 | ((code >> 12) & 0x3f));
    }
    byte(0x80 | ((code >> 6) & 0x3f));
  }
  byte(0x80 | (code & 0x3f));
}

/// The code after `\u`; `at` stands on its first digit and moves behind it, over a second surrogate too.
std::uint32_t take_code(std::string_view raw, std::size_t& at) {
  std::uint32_t code = hex4(raw.substr(at));
  at += 4;
  if (code >= 0xd800 && code <= 0xdbff) {  // the check let only pairs pass
    code = 0x10000 + ((code - 0xd800) << 10) + (hex4(raw.substr(at + 2)) - 0xdc00);
    at += 6;
  }
  return code;
}

char simple_escape(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;  // quote, backslash, slash
  }
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  if (byte < 0x20) {
    out += "\\u00";
    out += digits[byte >> 4];
    out += digits[byte & 0xf];
  } else {
    out += c;
  }
}

/// How many bytes at the start of `text` are one character of UTF-8; 0: none.
std::size_t character_length(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (base::valid_utf8(text.substr(0, length))) return length;
  }
  return 0;
}

std::string repaired_utf8(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character_length(text.substr(at));
    out += length == 0 ? std::string_view("\xef\xbf\xbd") : text.substr(at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

}  // namespace

std::string_view to_string(JsonKind kind) {
  switch (kind) {
    case JsonKind::null: return "null";
    case JsonKind::boolean: return "a boolean";
    case JsonKind::number: return "a number";
    case JsonKind::string: return "a string";
    case JsonKind::array: return "an array";
    case JsonKind::object: return "an object";
  }
  return "unknown";
}

JsonView::JsonView(std::string_view checked) : text_(trimmed(checked)) {}

JsonKind JsonView::kind() const {
  switch (text_.front()) {
    case 'n': return JsonKind::null;
    case 't':
    case 'f': return JsonKind::boolean;
    case '"': return JsonKind::string;
    case '[': return JsonKind::array;
    case '{': return JsonKind::object;
    default: return JsonKind::number;
  }
}

std::string JsonView::string() const { return unescape_json(text_.substr(1, text_.size() - 2)); }

std::size_t JsonView::count() const {
  std::size_t count = 0;
  for (JsonItems items(*this); items.next();) ++count;
  return count;
}

JsonItems::JsonItems(JsonView container)
    : rest_(container.text().substr(1, container.text().size() - 2)),
      object_(container.text().front() == '{') {}

void JsonItems::skip_separators() {
  const auto is_separator = [](char c) { return is_space(c) || c == ',' || c == ':'; };
  while (!rest_.empty() && is_separator(rest_.front())) rest_.remove_prefix(1);
}

bool JsonItems::next() {
  skip_separators();
  if (rest_.empty()) return false;
  if (object_) {
    const std::size_t length = string_length(rest_);
    raw_name_ = rest_.substr(1, length - 2);
    rest_.remove_prefix(length);
    skip_separators();
  }
  const std::size_t length = value_length(rest_);
  value_ = JsonView(rest_.substr(0, length));
  rest_.remove_prefix(length);
  return true;
}

std::string JsonItems::name() const { return unescape_json(raw_name_); }

bool json_name_is(std::string_view raw_name, std::string_view name) {
  return raw_name.find('\\') == std::string_view::npos ? raw_name == name : unescape_json(raw_name) == name;
}

std::string unescape_json(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return std::string(raw);
  std::string out;
  out.reserve(raw.size());  // an escape is never shorter than what it stands for
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      out += raw[at++];
    } else if (raw[at + 1] == 'u') {
      at += 2;
      append_utf8(out, take_code(raw, at));
    } else {
      out += simple_escape(raw[at + 1]);
      at += 2;
    }
  }
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  std::string repaired;
  if (!base::valid_utf8(text)) {
    repaired = repaired_utf8(text);
    text = repaired;
  }
  out += '"';
  for (const char c : text) append_escaped(out, c);
  out += '"';
}

void append_minified(std::string& out, std::string_view checked) {
  for (std::size_t at = 0; at < checked.size();) {
    const std::size_t length = checked[at] == '"' ? string_length(checked.substr(at)) : 1;
    if (!is_space(checked[at])) out += checked.substr(at, length);
    at += length;
  }
}

}  // namespace evmesh::event
