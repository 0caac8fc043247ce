#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include <evmesh/mailbox.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "event/base64.hpp"
#include "event/budget.hpp"
#include "event/instant.hpp"
#include "event/json_text.hpp"
#include "event/json_view.hpp"
#include "event/mailbox_json.hpp"
#include "event/mailbox_types.hpp"

namespace evmesh::event {
namespace {

/// The members a tool may post, before any is interpreted.
struct Posted {
  std::optional<JsonView> type, user, id, time, keys, headers, payload, text, data_base64;
};

constexpr std::array<std::pair<std::string_view, std::optional<JsonView> Posted::*>, 9> members = {{
    {"type", &Posted::type},
    {"user", &Posted::user},
    {"id", &Posted::id},
    {"time", &Posted::time},
    {"keys", &Posted::keys},
    {"headers", &Posted::headers},
    {"payload", &Posted::payload},
    {"text", &Posted::text},
    {"data_base64", &Posted::data_base64},
}};

[[noreturn]] void refuse(std::string_view member, std::string_view what) {
  throw Undecodable{"member " + base::quoted(member) + " " + std::string(what)};
}

[[noreturn]] void refuse_unknown(const std::string& name) {
  std::vector<std::string_view> names;
  for (const auto& [known, place] : members) names.push_back(known);
  const auto meant = base::nearest(name, names);
  refuse(name, meant
                   ? "is unknown; did you mean " + base::quoted(*meant) + "?"
                   : "is unknown; there are type, user, id, time, keys, headers, payload, text, data_base64");
}

Posted sort_members(JsonView object) {
  Posted posted;
  for (JsonItems items(object); items.next();) {
    const std::string name = items.name();
    bool known = false;
    for (const auto& [member, place] : members) {
      if (member != name) continue;
      posted.*place = items.value();
      known = true;
    }
    if (!known) refuse_unknown(name);
  }
  return posted;
}

std::string read_text(std::string_view member, JsonView json) {
  if (json.kind() != JsonKind::string)
    refuse(member, "must be a string, not " + std::string(to_string(json.kind())));
  return json.string();
}

EventId read_id(JsonView json) {
  const auto id = EventId::parse(read_text("id", json));
  if (!id) refuse("id", "must be a UUID, not " + base::quoted(json.string()));
  return *id;
}

Timestamp read_time(JsonView json) {
  const auto instant = parse_instant(read_text("time", json));
  if (!instant)
    refuse("time", "must be a UTC time such as 2024-03-01T09:30:00Z, not " + base::quoted(json.string()));
  return std::chrono::floor<std::chrono::microseconds>(*instant);
}

Headers read_headers(JsonView json) {
  if (json.kind() != JsonKind::object) refuse("headers", "must be an object of strings");
  if (json.count() > limits::headers_max) {
    refuse("headers", "has " + std::to_string(json.count()) + " names; at most 32 are possible");
  }
  Headers headers;
  for (JsonItems items(json); items.next();) {
    headers.emplace(items.name(), read_text("headers." + items.name(), items.value()));
  }
  return headers;
}

std::vector<RegistrationKey> read_keys(JsonView json) {
  if (json.kind() != JsonKind::array) refuse("keys", "must be an array of strings such as \"MailboxId:31\"");
  if (json.count() > limits::dispatch_keys_max) {
    throw Undecodable{"member \"keys\" has " + std::to_string(json.count()) + " entries; at most " +
                      std::to_string(limits::dispatch_keys_max) + " are possible"};
  }
  std::vector<RegistrationKey> keys;
  for (JsonItems items(json); items.next();) {
    auto key = RegistrationKey::parse(read_text("keys", items.value()));
    if (!key) refuse("keys", "holds no key: " + key.error().message);
    keys.push_back(std::move(*key));
  }
  return keys;
}

std::string read_base64(JsonView json) {
  auto bytes = decode_base64(read_text("data_base64", json));
  if (!bytes) refuse("data_base64", "must be RFC 4648 base64 with padding");
  return std::move(*bytes);
}

/// The members of a mailbox event, given as the James object or as what stands in it.
JsonView james_members(std::string_view type, JsonView payload) {
  if (payload.kind() != JsonKind::object || payload.count() != 1) return payload;
  JsonItems items(payload);
  (void)items.next();
  return json_name_is(items.raw_name(), type) ? items.value() : payload;
}

Event read_mailbox_event(std::size_t type_index, const Posted& posted) {
  auto decoded =
      decode_mailbox_members(type_index, james_members(mailbox_type_names[type_index], *posted.payload));
  if (!decoded) refuse("payload", "is not what its type says: " + decoded.error().message);
  mailbox::Envelope envelope;
  if (posted.time) envelope.time = read_time(*posted.time);
  if (posted.headers) envelope.headers = read_headers(*posted.headers);
  Event event = mailbox::make_event(std::move(*decoded), std::move(envelope));

  if (posted.id && read_id(*posted.id) != event.id()) refuse("id", "differs from the eventId in \"payload\"");
  if (posted.user) {
    std::string user = read_text("user", *posted.user);
    lower_case_user(user);
    if (user != event.user()) refuse("user", "differs from the user in \"payload\"");
  }
  return event;
}

Event read_other_event(std::string type, const Posted& posted) {
  EventFields fields;
  fields.type = std::move(type);
  if (posted.id) fields.id = read_id(*posted.id);
  if (posted.user) fields.user = read_text("user", *posted.user);
  if (posted.time) fields.time = read_time(*posted.time);
  if (posted.headers) fields.headers = read_headers(*posted.headers);
  if (posted.text) fields.payload = read_text("text", *posted.text);
  if (posted.data_base64) fields.payload = read_base64(*posted.data_base64);
  if (posted.payload) {
    fields.format = PayloadFormat::json;
    append_minified(fields.payload, posted.payload->text());
  }
  return Event(std::move(fields));
}

PostedEvent with_keys(Event event, const std::optional<JsonView>& keys) {
  if (keys) return {std::move(event), read_keys(*keys)};
  const mailbox::MailboxEvent* held = mailbox::peek(event);
  if (!held) return {std::move(event), {}};
  auto own = mailbox::registration_keys(*held);
  if (!own) throw Undecodable{std::move(own.error().message)};
  return {std::move(event), std::move(*own)};
}

bool is_james_object(JsonView object) {
  if (object.count() != 1) return false;
  JsonItems items(object);
  (void)items.next();
  return items.value().kind() == JsonKind::object && !json_name_is(items.raw_name(), "type");
}

PostedEvent read_james_object(JsonView object) {
  auto events = mailbox::decode_json(object.text());
  if (!events) throw Undecodable{std::move(events.error().message)};
  return with_keys(std::move(events->front()), std::nullopt);
}

PostedEvent read_posted(JsonView object) {
  const Posted posted = sort_members(object);
  if (!posted.type) refuse("type", "is missing");
  const int contents = posted.payload.has_value() + posted.text.has_value() + posted.data_base64.has_value();
  if (contents > 1) throw Undecodable{"only one of \"payload\", \"text\" and \"data_base64\" can be given"};

  std::string type = read_text("type", *posted.type);
  const auto mailbox_type = mailbox_type_index(type);
  Event event = mailbox_type && posted.payload ? read_mailbox_event(*mailbox_type, posted)
                                               : read_other_event(std::move(type), posted);
  if (auto checked = event.check(limits::event_size_bytes_max); !checked) {
    throw Undecodable{std::move(checked.error().message)};
  }
  return with_keys(std::move(event), posted.keys);
}

PostedEvent read_one(JsonView json) {
  if (json.kind() != JsonKind::object) {
    throw Undecodable{"an event must be an object, not " + std::string(to_string(json.kind()))};
  }
  return is_james_object(json) ? read_james_object(json) : read_posted(json);
}

}  // namespace

Result<std::vector<PostedEvent>> from_json_view(std::string_view text) {
  if (auto checked = check_json(text); !checked) return tl::unexpected(std::move(checked.error()));
  const JsonView json(text);
  std::vector<PostedEvent> events;
  try {
    if (json.kind() != JsonKind::array) {
      events.push_back(read_one(json));
    } else {
      for (JsonItems items(json); items.next();) events.push_back(read_one(items.value()));
    }
    return events;
  } catch (const Undecodable& refused) {
    const bool many = json.kind() == JsonKind::array;
    const std::string place = many ? "event " + std::to_string(events.size() + 1) + " of the array: " : "";
    return fail(ErrorCode::invalid_argument, place + refused.message);
  }
}

}  // namespace evmesh::event
