#include <evmesh/codec.hpp>

#include <exception>
#include <utility>

#include <evmesh/mailbox.hpp>

#include "base/text.hpp"
#include "event/mailbox_body.hpp"

namespace evmesh {
namespace {

/// The application's own code runs here, and nothing may throw across the API.
Result<EncodedPayload> encode_body(const Event& event, PayloadFormat preferred) {
  const auto refused = [&event](std::string_view why) {
    return fail(ErrorCode::invalid_argument,
                "the body of " + base::quoted(event.type()) + " cannot be encoded: " + std::string(why));
  };
  try {
    return event.body()->encode(preferred);
  } catch (const std::exception& thrown) {
    return refused(base::escaped(thrown.what()));
  } catch (...) {
    return refused("it threw something that is no std::exception");
  }
}

/// True for a payload that can be rewritten in `preferred` and is not in it already.
bool rewritable(const Event& event, PayloadFormat preferred) {
  return event.format() != PayloadFormat::raw && preferred != PayloadFormat::raw &&
         event.format() != preferred && mailbox::is_mailbox_type(event.type());
}

}  // namespace

Result<EncodedPayload> payload_as(const Event& event, PayloadFormat preferred) {
  if (event.body()) return encode_body(event, preferred);
  if (!rewritable(event, preferred)) return EncodedPayload{event.format(), event.payload()};
  auto decoded = mailbox::from_event(event);
  if (!decoded) return tl::unexpected(std::move(decoded.error()));
  return event::MailboxBody(std::move(*decoded)).encode(preferred);
}

}  // namespace evmesh
