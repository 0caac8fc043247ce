#include <evmesh/event.hpp>

#include <chrono>
#include <utility>

#include <evmesh/codec.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "event/header_bytes.hpp"
#include "event/mailbox_body.hpp"
#include "event/mailbox_check.hpp"

namespace evmesh {
namespace {

std::shared_ptr<const EventFields> completed(EventFields&& given) {
  auto fields = std::make_shared<EventFields>(std::move(given));
  const bool no_id = fields->id.nil();
  const bool no_time = fields->time == Timestamp{};
  if (!no_id && !no_time) return fields;
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  if (no_id) fields->id = EventId::fresh(now);
  if (no_time) fields->time = now;
  return fields;
}

Result<void> check_text(std::string_view what, std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return fail(ErrorCode::invalid_argument, std::string(what) + " " + base::quoted(text) + " has " +
                                                 std::to_string(text.size()) + " bytes; at most " +
                                                 std::to_string(bytes_max) + " are possible");
  }
  if (!base::printable(text)) {
    return fail(ErrorCode::invalid_argument,
                std::string(what) + " " + base::quoted(text) + " must be UTF-8 without control characters");
  }
  return {};
}

Result<void> check_headers(const Headers& headers) {
  if (headers.size() > limits::headers_max) {
    return fail(ErrorCode::invalid_argument, "headers: " + std::to_string(headers.size()) +
                                                 " of them; at most " + std::to_string(limits::headers_max) +
                                                 " are possible");
  }
  if (const std::uint64_t bytes = event::header_bytes(headers); bytes > limits::headers_bytes_max) {
    return fail(ErrorCode::invalid_argument, "headers: " + std::to_string(bytes) +
                                                 " bytes together; at most " +
                                                 std::to_string(limits::headers_bytes_max) + " are possible");
  }
  return {};
}

Result<void> check_body(const EventFields& fields) {
  if (!fields.body) return {};
  if (!fields.payload.empty()) {
    return fail(ErrorCode::invalid_argument, "an event has a body or a payload, not both");
  }
  const auto* mailbox = dynamic_cast<const event::MailboxBody*>(fields.body.get());
  return mailbox ? event::check_mailbox_event(mailbox->event()) : Result<void>{};
}

}  // namespace

std::string_view to_string(PayloadFormat format) {
  switch (format) {
    case PayloadFormat::raw: return "raw";
    case PayloadFormat::json: return "json";
    case PayloadFormat::binary: return "binary";
  }
  return "unknown";
}

// Shared: immutable, and copies must be cheap.
Event::Event(EventFields fields) : fields_(completed(std::move(fields))) {}

Result<void> Event::check(std::uint64_t size_bytes_max) const {
  const EventFields& fields = *fields_;
  if (fields.type.empty()) return fail(ErrorCode::invalid_argument, "the event has no type; give it a name");
  if (auto type = check_text("type", fields.type, limits::type_bytes_max); !type) return type;
  if (auto user = check_text("user", fields.user, limits::user_bytes_max); !user) return user;
  if (auto headers = check_headers(fields.headers); !headers) return headers;
  if (auto body = check_body(fields); !body) return body;

  const std::uint64_t bytes = fields.payload.size() + event::header_bytes(fields.headers);
  if (bytes > size_bytes_max) {
    return fail(ErrorCode::event_too_large, "payload and headers of " + base::quoted(fields.type) + " have " +
                                                std::to_string(bytes) + " bytes; at most " +
                                                std::to_string(size_bytes_max) + " are possible here");
  }
  return {};
}

bool Event::operator==(const Event& other) const {
  if (fields_ == other.fields_) return true;
  const EventFields& left = *fields_;
  const EventFields& right = *other.fields_;
  if (left.id != right.id || left.type != right.type || left.user != right.user || left.time != right.time ||
      left.headers != right.headers) {
    return false;
  }
  if (!left.body && !right.body) return left.format == right.format && left.payload == right.payload;
  const auto left_payload = payload_as(*this, PayloadFormat::binary);
  const auto right_payload = payload_as(other, PayloadFormat::binary);
  return left_payload && right_payload && left_payload->format == right_payload->format &&
         left_payload->bytes == right_payload->bytes;
}

}  // namespace evmesh
