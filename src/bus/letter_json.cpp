#include "bus/letter_json.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/json_fields.hpp"
#include "bus/outgoing_event.hpp"
#include "event/json_view.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::bus {

namespace {

constexpr std::string_view schema = "evmesh.dead_letter.v1";

std::string attempt_json(const Attempt& attempt) {
  JsonWriter json;
  json.number("number", attempt.number).time("time", attempt.time);
  if (!attempt.node.nil()) json.text("node", attempt.node.to_string());
  return json.text("error", attempt.error).done();
}

Attempt read_attempt(event::JsonView view, JsonReader& letter) {
  JsonReader json(view);
  Attempt attempt;
  attempt.number = static_cast<std::uint32_t>(json.number("number", ~std::uint32_t{0}));
  attempt.time = json.time("time").value_or(Timestamp{});
  attempt.node = json.parsed<NodeId>("node", {});
  attempt.error = json.text("error");
  if (auto good = json.finish(); !good)
    letter.wrong({good.error().code, "\"attempts\": " + good.error().message});
  return attempt;
}

std::vector<RegistrationKey> read_keys(const std::vector<event::JsonView>& items, JsonReader& letter) {
  std::vector<RegistrationKey> keys;
  for (const event::JsonView item : items) {
    auto key = item.kind() == event::JsonKind::string
                   ? RegistrationKey::parse(item.string())
                   : fail(ErrorCode::undecodable, "\"keys\" must hold texts only");
    if (!key) {
      letter.wrong(key.error());
      return keys;
    }
    keys.push_back(std::move(*key));
  }
  return keys;
}

/// The event in the form it travels in, with the keys that stand beside it or else in it; nothing when it is
/// wrong.
std::string read_event(JsonReader& letter) {
  std::string bytes;
  const auto beside = letter.take("keys");
  const event::JsonView member = letter.must("event");
  auto posted = event::from_json_view(member.text());
  if (posted && posted->size() != 1) posted = fail(ErrorCode::undecodable, "it must be one event");
  auto sent = posted
                  ? with_payload(posted->front().event, PayloadFormat::binary, limits::event_size_bytes_max)
                  : Result<Event>(tl::unexpected(posted.error()));
  if (!sent) {
    letter.wrong({sent.error().code, "\"event\": " + sent.error().message});
    return bytes;
  }
  const auto keys = beside ? read_keys(letter.elements("keys", *beside), letter) : posted->front().keys;
  if (keys.size() > limits::dispatch_keys_max) {
    letter.wrong("keys", "has more than " + std::to_string(limits::dispatch_keys_max));
    return bytes;
  }
  wire::encode_event(*sent, keys, PayloadFormat::binary, bytes);
  return bytes;
}

}  // namespace

LetterBox::Filter rows_of(const DeadLetterFilter& filter) {
  return {filter.id,    filter.bus,   filter.group, filter.type, filter.text,
          filter.event, filter.since, filter.until, std::nullopt};
}

Result<DeadLetterEntry> to_entry(const Letter& letter) {
  auto read = to_dead_letter(letter);
  if (!read) return tl::unexpected(read.error());
  return DeadLetterEntry{std::move(*read), letter.bus,        letter.number,
                         letter.dispatch,  letter.generation, letter.accepted};
}

std::string attempts_json(const std::vector<Attempt>& attempts) {
  std::string json;
  for (const Attempt& attempt : attempts) json += (json.empty() ? "" : ",") + attempt_json(attempt);
  return '[' + json + ']';
}

std::vector<Attempt> read_attempts(JsonReader& json) {
  const auto items = json.items("attempts");
  const std::size_t kept = std::min(items.size(), limits::attempts_kept_max);
  std::vector<Attempt> attempts;
  for (std::size_t at = items.size() - kept; at < items.size(); ++at) {
    attempts.push_back(read_attempt(items[at], json));
  }
  return attempts;
}

Result<Letter> letter_of_json(std::string_view line) {
  JsonReader json(line);
  if (const std::string said = json.text("schema", schema); said != schema) {
    json.wrong("schema", "is " + base::quoted(said) + ", not " + base::quoted(schema));
  }
  Letter letter;
  letter.number = json.number("number");  // of the store it came from
  letter.id = json.parsed<DeadLetterId>("id", {});
  if (letter.id.nil()) letter.id = DeadLetterId::fresh();
  letter.dispatch = json.parsed<DispatchId>("dispatch", dispatch_of_unaccepted(letter.id));
  letter.generation = static_cast<std::uint32_t>(json.number("returns", 1'000'000));
  letter.accepted = json.time("accepted").value_or(Timestamp{});
  letter.bus = json.text("bus");
  if (letter.bus.empty()) json.wrong("bus", "is missing");
  letter.group = json.text("group");
  if (auto group = Group::parse(letter.group); !group) json.wrong(group.error());
  letter.attempts = read_attempts(json);
  letter.event = read_event(json);
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return letter;
}

}  // namespace evmesh::bus

namespace evmesh {

std::string to_json(const DeadLetterEntry& entry) {
  const DeadLetter& letter = entry.letter;
  std::vector<std::string> keys;
  for (const RegistrationKey& key : letter.keys) keys.push_back(key.to_string());
  return bus::JsonWriter()
      .text("schema", bus::schema)
      .text("id", letter.id.to_string())
      .number("number", entry.number)
      .text("bus", entry.bus)
      .text("group", letter.group.to_string())
      .text("dispatch", entry.dispatch.to_string())
      .number("returns", entry.returns)
      .time("accepted", entry.accepted)
      .raw("attempts", bus::attempts_json(letter.attempts))
      .texts("keys", keys)
      .raw("event", event::to_json_view(letter.event))
      .done();
}

}  // namespace evmesh
