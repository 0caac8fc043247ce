#include <evmesh/codec.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string_view>
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

namespace {

/// As `encode_body`.
Result<std::shared_ptr<const EventBody>> decode_body(const Event& event, const BodyDecoder& decoder) {
  const auto refused = [&event](std::string_view why) {
    return fail(ErrorCode::undecodable,
                "the payload of " + base::quoted(event.type()) + " cannot be decoded: " + std::string(why));
  };
  try {
    auto made = decoder(event);
    if (!made) return refused(base::escaped(made.error().message));
    if (!*made) return refused("its decoder gave nothing");
    return made;
  } catch (const std::exception& thrown) {
    return refused(base::escaped(thrown.what()));
  } catch (...) {
    return refused("its decoder threw something that is no std::exception");
  }
}

}  // namespace

Event decoded(const Event& event, const BodyDecoder& decoder) {
  if (event.body()) return event;
  auto made = decode_body(event, decoder);
  Event known = event;
  known.object_ = made ? std::make_shared<const Event::Object>(Event::Object{std::move(*made), std::nullopt})
                       : std::make_shared<const Event::Object>(Event::Object{nullptr, std::move(made.error())});
  return known;
}

}  // namespace evmesh
