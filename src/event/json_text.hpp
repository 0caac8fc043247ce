#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::event {

/// How deep JSON may nest. The deepest mailbox event has 7 levels; the rest is for members we only pass on.
/// No level costs a call of ours: the check below keeps its own stack.
inline constexpr std::size_t json_depth_max = 32;

/// Ok when `text` is exactly one JSON value (RFC 8259, UTF-8 without byte order mark), at most
/// `json_depth_max` deep, and no object in it names a member twice. Else `undecodable` naming the byte or the
/// member.
[[nodiscard]] Result<void> check_json(std::string_view text);

enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

[[nodiscard]] std::string_view to_string(JsonKind kind);

/// One value inside a text that `check_json` has accepted. Nothing here checks syntax again, copies or
/// allocates, so a value can be passed on exactly as it came, numbers of any length included. Borrows the
/// text. Value.
class JsonView {
 public:
  JsonView() = default;
  explicit JsonView(std::string_view checked);

  [[nodiscard]] JsonKind kind() const;

  /// The value as it stands in the text, without space around it.
  [[nodiscard]] std::string_view text() const { return text_; }

  /// What a string says, with escapes resolved; for strings only.
  [[nodiscard]] std::string string() const;

  /// How many members or elements; for objects and arrays only.
  [[nodiscard]] std::size_t count() const;

 private:
  std::string_view text_ = "null";
};

/// Walks through the members of an object or the elements of an array:
/// `for (JsonItems items(view); items.next();) use(items.value());`
class JsonItems {
 public:
  explicit JsonItems(JsonView container);

  [[nodiscard]] bool next();

  /// The member's name between its quotes, escapes not resolved; empty in an array.
  [[nodiscard]] std::string_view raw_name() const { return raw_name_; }
  [[nodiscard]] std::string name() const;
  [[nodiscard]] JsonView value() const { return value_; }

 private:
  void skip_separators();

  std::string_view rest_;
  bool object_;
  std::string_view raw_name_;
  JsonView value_;
};

/// True when a raw name says `name`, escapes or not.
[[nodiscard]] bool json_name_is(std::string_view raw_name, std::string_view name);

/// What stands between the quotes of a JSON string, with escapes resolved.
[[nodiscard]] std::string unescape_json(std::string_view raw);

/// Appends `text` between quotes. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

/// Appends a checked JSON text without the space between its tokens.
void append_minified(std::string& out, std::string_view checked);

}  // namespace evmesh::event
