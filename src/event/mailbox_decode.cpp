#include <string>
#include <utility>

#include <evmesh/mailbox.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "event/json_text.hpp"
#include "event/mailbox_json.hpp"
#include "event/mailbox_types.hpp"

namespace evmesh::mailbox {
namespace {

/// The text of member `name` when it is a string; empty otherwise.
std::string text_member(event::JsonView object, std::string_view name) {
  if (object.kind() != event::JsonKind::object) return {};
  for (event::JsonItems items(object); items.next();) {
    if (event::json_name_is(items.raw_name(), name) && items.value().kind() == event::JsonKind::string) {
      return items.value().string();
    }
  }
  return {};
}

/// An event we know nothing of but that James writes an id and a user into each.
Event unknown_event(std::string type, event::JsonView whole, event::JsonView members) {
  EventFields fields;
  fields.type = std::move(type);
  fields.user = text_member(members, "user");
  if (fields.user.empty()) fields.user = text_member(members, "username");
  event::lower_case_user(fields.user);
  if (const auto id = EventId::parse(text_member(members, "eventId"))) fields.id = *id;
  fields.format = PayloadFormat::json;
  fields.payload = whole.text();
  return Event(std::move(fields));
}

Result<Event> decode_one(event::JsonView json) {
  if (json.kind() != event::JsonKind::object || json.count() != 1) {
    return fail(
        ErrorCode::undecodable,
        "an event must be an object with one member, named by its type, not " + base::quoted(json.text()));
  }
  event::JsonItems items(json);
  (void)items.next();
  std::string type = items.name();
  const auto index = event::mailbox_type_index(type);
  if (!index) {
    Event unknown = unknown_event(std::move(type), json, items.value());
    if (auto checked = unknown.check(limits::event_size_bytes_max); !checked) {
      return fail(ErrorCode::undecodable, std::move(checked.error().message));
    }
    return unknown;
  }
  auto decoded = event::decode_mailbox_members(*index, items.value());
  if (!decoded) return tl::unexpected(std::move(decoded.error()));
  return make_event(std::move(*decoded));
}

}  // namespace

Result<std::vector<Event>> decode_json(std::string_view text) {
  if (text.size() > limits::event_size_bytes_max + limits::frame_overhead_bytes) {
    return fail(ErrorCode::undecodable,
                "JSON of " + std::to_string(text.size()) + " bytes is more than 16 MiB");
  }
  if (auto checked = event::check_json(text); !checked) return tl::unexpected(std::move(checked.error()));

  std::vector<Event> events;
  const event::JsonView json(text);
  if (json.kind() != event::JsonKind::array) {
    auto event = decode_one(json);
    if (!event) return tl::unexpected(std::move(event.error()));
    events.push_back(std::move(*event));
    return events;
  }
  for (event::JsonItems items(json); items.next();) {
    auto event = decode_one(items.value());
    if (!event) {
      const std::string place = "event " + std::to_string(events.size() + 1) + " of the array: ";
      return fail(event.error().code, place + event.error().message);
    }
    events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace evmesh::mailbox
