#include "bus/outgoing_event.hpp"

#include <exception>
#include <string>
#include <utility>

#include <evmesh/codec.hpp>

#include "base/text.hpp"
#include "event/header_bytes.hpp"

namespace evmesh::bus {

using event::header_bytes;

std::optional<std::uint64_t> known_bytes_max(const Event& event) {
  const std::uint64_t headers = header_bytes(event.headers());
  if (!event.body()) return headers + event.payload().size();
  try {
    const auto body = event.body()->encoded_bytes_max();
    return body ? std::optional(headers + *body) : std::nullopt;
  } catch (...) {
    return std::nullopt;  // then encoding shows what is wrong with it
  }
}

Result<Event> with_payload(const Event& event, PayloadFormat preferred, std::uint64_t size_bytes_max) {
  if (!event.body()) return event;
  auto encoded = payload_as(event, preferred);
  if (!encoded) return tl::unexpected(std::move(encoded.error()));
  const std::uint64_t bytes = encoded->bytes.size() + header_bytes(event.headers());
  if (bytes > size_bytes_max) {
    return fail(ErrorCode::event_too_large, "the encoded body and the headers of " +
                                                base::quoted(event.type()) + " have " +
                                                std::to_string(bytes) + " bytes; at most " +
                                                std::to_string(size_bytes_max) + " are possible here");
  }
  EventFields fields;
  fields.id = event.id();
  fields.type = event.type();
  fields.user = event.user();
  fields.time = event.time();
  fields.format = encoded->format;
  fields.payload = std::move(encoded->bytes);
  fields.headers = event.headers();
  return Event(std::move(fields));
}

Result<const Event*> with_payload(const Event& event, PayloadFormat preferred, std::uint64_t size_bytes_max,
                                  std::optional<Event>& made) {
  if (!event.body()) return &event;
  auto encoded = with_payload(event, preferred, size_bytes_max);
  if (!encoded) return tl::unexpected(std::move(encoded.error()));
  return &made.emplace(std::move(*encoded));
}

Result<bool> noop_of(const Event& event) {
  const auto refused = [&](const std::string& why) {
    return fail(ErrorCode::invalid_argument, "the body of " + base::quoted(event.type()) +
                                                 " cannot say whether anything happened: " + why);
  };
  try {
    return event.noop();
  } catch (const std::exception& thrown) {
    return refused(base::escaped(thrown.what()));
  } catch (...) {
    return refused("it threw something that is no std::exception");
  }
}

}  // namespace evmesh::bus
