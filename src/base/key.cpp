#include <evmesh/key.hpp>

#include <algorithm>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh {
namespace {

tl::unexpected<Error> refuse(std::string_view what, std::string_view value, std::string_view why) {
  return fail(ErrorCode::invalid_argument,
              std::string(what) + ' ' + base::quoted(value) + ' ' + std::string(why));
}

/// The rules that hold for the whole text of a key; `text` holds a colon.
Result<void> check_key(std::string_view text) {
  constexpr std::string_view what = "registration key";
  if (text.front() == ':')
    return refuse(what, text, "has no type; write Type:value, for example MailboxId:42");
  if (text.size() > limits::key_bytes_max) {
    return refuse(what, text, "has " + std::to_string(text.size()) + " bytes; at most 255 are allowed");
  }
  if (base::printable(text)) return {};
  return refuse(what, text, base::valid_utf8(text) ? "holds a control character" : "is not valid UTF-8");
}

bool group_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '$' || c == '-';
}

}  // namespace

Result<RegistrationKey> RegistrationKey::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    return refuse("registration key", text, "has no colon; write Type:value, for example MailboxId:42");
  }
  return check_key(text).map([&] { return RegistrationKey(std::string(text)); });
}

Result<RegistrationKey> RegistrationKey::make(std::string_view type, std::string_view value) {
  if (type.find(':') != std::string_view::npos) {
    return refuse("registration key type", type, "holds a colon; the first colon ends the type");
  }
  std::string text;
  text.reserve(type.size() + 1 + value.size());
  text.append(type).append(1, ':').append(value);
  return check_key(text).map([&] { return RegistrationKey(std::move(text)); });
}

std::string_view RegistrationKey::type() const { return std::string_view(text_).substr(0, text_.find(':')); }

std::string_view RegistrationKey::value() const {
  return std::string_view(text_).substr(text_.find(':') + 1);
}

Result<Group> Group::parse(std::string_view text) {
  if (text.empty())
    return fail(ErrorCode::invalid_argument, "group name is empty; write 1 to 255 of A-Z a-z 0-9 . _ $ -");
  if (text.size() > limits::group_bytes_max) {
    return refuse("group name", text,
                  "has " + std::to_string(text.size()) + " characters; at most 255 are allowed");
  }
  if (!std::ranges::all_of(text, group_character)) {
    return refuse("group name", text, "holds a character outside A-Z a-z 0-9 . _ $ -");
  }
  return Group(std::string(text));
}

Group Group::dispatching_failure(std::string_view bus_name) {
  return Group("org.apache.james.events.DispatchingFailureGroup-" + std::string(bus_name));
}

}  // namespace evmesh
