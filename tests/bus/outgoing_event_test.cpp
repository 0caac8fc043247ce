#include "bus/outgoing_event.hpp"

#include <stdexcept>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

class Body final : public EventBody {
 public:
  Encoded encode(PayloadFormat preferred) const override {
    if (broken) throw std::runtime_error("encode\nbroke");
    return {preferred, std::string(10, 'x')};
  }
  bool noop() const override {
    if (broken) throw 7;
    return true;
  }
  std::optional<std::uint64_t> encoded_bytes_max() const override {
    if (broken) throw std::runtime_error("bound");
    return bound;
  }

  bool broken = false;
  std::optional<std::uint64_t> bound;
};

Event with(const std::shared_ptr<Body>& body) {
  return Event({.type = "t", .user = "u", .headers = {{"h", "12"}}, .body = body});
}

}  // namespace

TEST_CASE("what an event takes is known from its payload or from what its body says", "[bus][outgoing]") {
  const auto body = std::make_shared<Body>();

  CHECK(known_bytes_max(Event({.type = "t", .payload = "12345", .headers = {{"h", "12"}}})) == 8);
  CHECK(known_bytes_max(with(body)) == std::nullopt);
  body->bound = 100;
  CHECK(known_bytes_max(with(body)) == 103);
  body->broken = true;
  CHECK(known_bytes_max(with(body)) == std::nullopt);
}

TEST_CASE("a body becomes the payload and nothing else changes", "[bus][outgoing]") {
  const Event event = with(std::make_shared<Body>());

  const Event sent = must(with_payload(event, PayloadFormat::json, 13));

  CHECK(sent.id() == event.id());
  CHECK(sent.time() == event.time());
  CHECK(sent.type() == "t");
  CHECK(sent.user() == "u");
  CHECK(sent.headers() == event.headers());
  CHECK(sent.format() == PayloadFormat::json);
  CHECK(sent.payload() == "xxxxxxxxxx");
  CHECK_FALSE(sent.body());
}

TEST_CASE("an encoded body counts with its headers", "[bus][outgoing]") {
  const auto refused = with_payload(with(std::make_shared<Body>()), PayloadFormat::json, 12);

  REQUIRE(code(refused) == ErrorCode::event_too_large);
  CHECK(refused.error().message ==
        "the encoded body and the headers of \"t\" have 13 bytes; at most 12 are possible here");
}

TEST_CASE("what a body throws becomes an error", "[bus][outgoing]") {
  const auto body = std::make_shared<Body>();
  body->broken = true;

  const auto encoded = with_payload(with(body), PayloadFormat::json, 100);
  const auto asked = noop_of(with(body));

  REQUIRE(code(encoded) == ErrorCode::invalid_argument);
  CHECK(encoded.error().message.find("encode\\nbroke") != std::string::npos);
  REQUIRE(code(asked) == ErrorCode::invalid_argument);
  CHECK(asked.error().message.find("no std::exception") != std::string::npos);
}
