#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh {

/// Exact-match name of an entity that events concern, written `Type:value`. Not a topic: no prefixes, no
/// wildcards. Value.
class RegistrationKey {
 public:
  /// The first colon separates type and value; the value may hold further colons or be empty.
  /// 1 to 255 bytes of UTF-8 without control characters, the type not empty; else `invalid_argument`.
  [[nodiscard]] static Result<RegistrationKey> parse(std::string_view text);
  [[nodiscard]] static Result<RegistrationKey> make(std::string_view type, std::string_view value);

  [[nodiscard]] std::string_view type() const;
  [[nodiscard]] std::string_view value() const;
  [[nodiscard]] const std::string& to_string() const { return text_; }

  auto operator<=>(const RegistrationKey&) const = default;

 private:
  explicit RegistrationKey(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// Name of a work queue: every event is executed once in each group. Equality is by the whole name. Value.
class Group {
 public:
  /// 1 to 255 characters of `[A-Za-z0-9._$-]`; else `invalid_argument`.
  [[nodiscard]] static Result<Group> parse(std::string_view text);

  /// The pseudo group that keeps events whose dispatch failed as a whole:
  /// `org.apache.james.events.DispatchingFailureGroup-<bus>`. Source: the James event bus, so that its tools
  /// know it.
  [[nodiscard]] static Group dispatching_failure(std::string_view bus_name);

  [[nodiscard]] const std::string& to_string() const { return name_; }

  auto operator<=>(const Group&) const = default;

 private:
  explicit Group(std::string name) : name_(std::move(name)) {}

  std::string name_;
};

}  // namespace evmesh

template <>
struct std::hash<evmesh::RegistrationKey> {
  std::size_t operator()(const evmesh::RegistrationKey& key) const noexcept {
    return std::hash<std::string>{}(key.to_string());
  }
};
template <>
struct std::hash<evmesh::Group> {
  std::size_t operator()(const evmesh::Group& group) const noexcept {
    return std::hash<std::string>{}(group.to_string());
  }
};
