#include "admin/posted.hpp"

#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "event/json_text.hpp"
#include "event/json_view.hpp"

namespace evmesh::admin {
namespace {

using event::JsonItems;
using event::JsonKind;
using event::JsonView;

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::invalid_argument, std::move(message));
}

/// The members of `{"event":...,"keys":[...]}`, when it is one.
struct Wrapped {
  std::optional<JsonView> event;
  std::optional<JsonView> keys;
  std::optional<std::string> other;  // a member that does not belong here
};

Wrapped unwrap(JsonView item) {
  Wrapped wrapped;
  if (item.kind() != JsonKind::object) return wrapped;
  for (JsonItems members(item); members.next();) {
    if (event::json_name_is(members.raw_name(), "event")) {
      wrapped.event = members.value();
    } else if (event::json_name_is(members.raw_name(), "keys")) {
      wrapped.keys = members.value();
    } else {
      wrapped.other = members.name();
    }
  }
  return wrapped;
}

Result<std::vector<RegistrationKey>> read_keys(JsonView keys) {
  if (keys.kind() != JsonKind::array) return invalid(R"("keys" must be an array of texts like "Type:value")");
  std::vector<RegistrationKey> read;
  for (JsonItems items(keys); items.next();) {
    if (items.value().kind() != JsonKind::string)
      return invalid(R"("keys" must hold texts like "Type:value" only)");
    auto key = RegistrationKey::parse(items.value().string());
    if (!key) return tl::unexpected(key.error());
    read.push_back(std::move(*key));
  }
  return read;
}

Result<KeyedEvent> read_one(std::string_view text) {
  auto posted = event::from_json_view(text);
  if (!posted) return tl::unexpected(posted.error());
  if (posted->size() != 1) return invalid(R"("event" must be one event, not an array)");
  return KeyedEvent{std::move(posted->front().event), std::move(posted->front().keys)};
}

Result<KeyedEvent> read_item(JsonView item) {
  const Wrapped wrapped = unwrap(item);
  if (!wrapped.event) return read_one(item.text());
  if (wrapped.other) {
    return invalid("unknown member " + base::quoted(*wrapped.other) +
                   R"( beside "event"; only "keys" may stand there)");
  }
  auto read = read_one(wrapped.event->text());
  if (!read || !wrapped.keys) return read;
  auto keys = read_keys(*wrapped.keys);
  if (!keys) return tl::unexpected(keys.error());
  read->keys = std::move(*keys);
  return read;
}

Result<std::vector<KeyedEvent>> read_array(JsonView array) {
  const std::size_t count = array.count();
  if (count == 0) return invalid("the array holds no event");
  if (count > limits::batch_events_max) {
    return fail(ErrorCode::batch_too_large, std::to_string(count) + " events in one request; at most " +
                                                std::to_string(limits::batch_events_max) + " go together");
  }
  std::vector<KeyedEvent> events;
  for (JsonItems items(array); items.next();) {
    auto read = read_item(items.value());
    if (!read)
      return fail(read.error().code, "event " + std::to_string(events.size()) + ": " + read.error().message);
    events.push_back(std::move(*read));
  }
  return events;
}

}  // namespace

Result<std::vector<KeyedEvent>> read_posted(std::string_view body) {
  if (auto checked = event::check_json(body); !checked) return tl::unexpected(checked.error());
  const JsonView whole(body);
  if (whole.kind() == JsonKind::array) return read_array(whole);
  return read_item(whole).map([](KeyedEvent&& one) { return std::vector<KeyedEvent>{std::move(one)}; });
}

}  // namespace evmesh::admin
