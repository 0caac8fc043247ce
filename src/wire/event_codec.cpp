#include "wire/event_codec.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "base/limits.hpp"
#include "event/header_bytes.hpp"
#include "wire/cursor.hpp"

namespace evmesh::wire {
namespace {

constexpr std::uint8_t event_version = 1;

/// All but the payload, of an event with a few keys; with more the text grows once or twice.
constexpr std::size_t usual_envelope_bytes = 128;

void write_keys(Writer& writer, std::span<const RegistrationKey> keys) {
  assert(keys.size() <= limits::dispatch_keys_max);
  writer.number(static_cast<std::uint16_t>(keys.size()));
  for (const RegistrationKey& key : keys) writer.text8(key.to_string(), 1, limits::key_bytes_max);
}

/// Sorted and once each. The usual few keys stand in order already and are not copied.
void write_keys_in_order(Writer& writer, std::span<const RegistrationKey> keys) {
  if (std::ranges::adjacent_find(keys, std::greater_equal{}) == keys.end()) return write_keys(writer, keys);

  std::vector<RegistrationKey> sorted(keys.begin(), keys.end());
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::unique(sorted);
  sorted.erase(repeated.begin(), repeated.end());
  write_keys(writer, sorted);
}

/// Part of a header: bytes as the application gave them, bounded by what all headers may have together.
void write_bytes(Writer& writer, std::string_view bytes) {
  static_assert(limits::headers_bytes_max <= std::numeric_limits<std::uint16_t>::max());
  assert(bytes.size() <= limits::headers_bytes_max);
  writer.number(static_cast<std::uint16_t>(bytes.size()));
  writer.bytes(bytes);
}

void write_headers(Writer& writer, const Headers& headers) {
  assert(headers.size() <= limits::headers_max);
  writer.number(static_cast<std::uint8_t>(headers.size()));
  for (const auto& [name, value] : headers) {
    write_bytes(writer, name);
    write_bytes(writer, value);
  }
}

void write_payload(Writer& writer, std::string_view payload) {
  assert(payload.size() <= limits::event_size_bytes_max);
  writer.number(static_cast<std::uint32_t>(payload.size()));
  writer.bytes(payload);
}

void read_envelope(Reader& reader, EventFields& fields) {
  reader.choice(fields.format, PayloadFormat::raw, PayloadFormat::binary);
  reader.id(fields.id);
  reader.check(!fields.id.nil());
  const auto time_us = static_cast<std::int64_t>(reader.take_number<std::uint64_t>());
  fields.time = Timestamp(std::chrono::microseconds(time_us));
  reader.check(time_us != 0);
  reader.text8(fields.type, 1, limits::type_bytes_max);
  reader.text8(fields.user, 0, limits::user_bytes_max);
}

/// How many elements follow, when there can be that many.
template <class Count>
std::size_t read_count(Reader& reader, std::size_t count_max, std::size_t element_bytes_min) {
  const std::size_t count = reader.take_number<Count>();
  if (count > reader.left().size() / element_bytes_min) reader.fail(DecodeError::truncated);
  reader.check(count <= count_max);
  return reader.error() ? 0 : count;
}

std::vector<RegistrationKey> read_keys(Reader& reader) {
  const std::size_t count = read_count<std::uint16_t>(reader, limits::dispatch_keys_max, 2);
  std::vector<RegistrationKey> keys;
  keys.reserve(count);
  for (std::size_t i = 0; i < count && !reader.error(); ++i) {
    auto key = RegistrationKey::parse(reader.text_as<std::uint8_t>(1, limits::key_bytes_max));
    if (reader.error()) break;  // the reader's reason is the first one
    reader.check(key && (keys.empty() || keys.back() < *key));
    if (key) keys.push_back(std::move(*key));
  }
  return keys;
}

Headers read_headers(Reader& reader) {
  const std::size_t count = read_count<std::uint8_t>(reader, limits::headers_max, 4);
  Headers headers;
  for (std::size_t i = 0; i < count && !reader.error(); ++i) {
    const std::string_view name = reader.take(reader.take_number<std::uint16_t>());
    const std::string_view value = reader.take(reader.take_number<std::uint16_t>());
    if (reader.error()) break;
    reader.check(headers.empty() || headers.rbegin()->first < name);
    headers.emplace_hint(headers.end(), name, value);
  }
  return headers;
}

std::string read_payload(Reader& reader) {
  return std::string(reader.take(reader.take_number<std::uint32_t>()));
}

void read_version(Reader& reader) {
  const auto version = reader.take_number<std::uint8_t>();
  if (!reader.error() && version != event_version) reader.fail(DecodeError::bad_version);
}

}  // namespace

void encode_event(const Event& event, std::span<const RegistrationKey> keys, PayloadFormat preferred,
                  std::string& out) {
  assert(!event.id().nil() && event.time().time_since_epoch().count() != 0);
  EventBody::Encoded encoded{event.format(), {}};
  if (event.body()) encoded = event.body()->encode(preferred);

  const std::string& payload = event.body() ? encoded.bytes : event.payload();
  out.reserve(out.size() + usual_envelope_bytes + payload.size());
  Writer writer(out);
  writer.number(event_version);
  writer.number(static_cast<std::uint8_t>(encoded.format));
  writer.id(event.id());
  writer.number(static_cast<std::uint64_t>(event.time().time_since_epoch().count()));
  writer.text8(event.type(), 1, limits::type_bytes_max);
  writer.text8(event.user(), 0, limits::user_bytes_max);
  write_keys_in_order(writer, keys);
  write_headers(writer, event.headers());
  write_payload(writer, payload);
}

tl::expected<ReceivedEvent, DecodeError> decode_event(std::string_view bytes) {
  Reader reader(bytes);
  EventFields fields;
  read_version(reader);
  read_envelope(reader, fields);
  std::vector<RegistrationKey> keys = read_keys(reader);
  fields.headers = read_headers(reader);
  fields.payload = read_payload(reader);
  reader.end();
  const std::uint64_t headers_bytes = event::header_bytes(fields.headers);
  reader.check(headers_bytes <= limits::headers_bytes_max &&
               headers_bytes + fields.payload.size() <= limits::event_size_bytes_max);
  if (reader.error()) return tl::unexpected(*reader.error());
  return ReceivedEvent{Event(std::move(fields)), std::move(keys)};
}

tl::expected<std::vector<std::string_view>, DecodeError> decode_keys(std::string_view bytes) {
  std::vector<std::string_view> keys;
  const auto count = append_keys(bytes, keys);
  if (!count) return tl::unexpected(count.error());
  return keys;
}

tl::expected<std::size_t, DecodeError> append_keys(std::string_view bytes, std::vector<std::string_view>& out) {
  constexpr std::size_t fixed_bytes = 1 + 16 + 8;  // payload format, id, time
  Reader reader(bytes);
  read_version(reader);
  static_cast<void>(reader.take(fixed_bytes));
  static_cast<void>(reader.take(reader.take_number<std::uint8_t>()));  // type
  static_cast<void>(reader.take(reader.take_number<std::uint8_t>()));  // user
  const std::size_t before = out.size();
  const auto count = read_count<std::uint16_t>(reader, limits::dispatch_keys_max, 2);
  out.reserve(before + count);
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(reader.take(reader.take_number<std::uint8_t>()));
    reader.check(!out.back().empty());
  }
  if (!reader.error()) return count;
  out.resize(before);
  return tl::unexpected(*reader.error());
}

}  // namespace evmesh::wire
