#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "generators.hpp"
#include "wire/event_codec.hpp"
#include "wire/frames.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;

namespace {

/// Whether a frame of the kind at `index` of the variant comes back as it went.
void check_round_trip(std::size_t index) {
  const Header header = *any_header();
  const Body body = *any_body(index);

  const std::string bytes = encode(header, body);
  const auto decoded = decode(bytes);

  RC_ASSERT(decoded.has_value());
  RC_ASSERT(decoded->body == body);
  RC_ASSERT(decoded->header.from == header.from);
  RC_ASSERT(decoded->header.from_epoch == header.from_epoch);
  RC_ASSERT(decoded->header.to == header.to);
  RC_ASSERT(decoded->header.to_epoch == header.to_epoch);
  RC_ASSERT(encode(decoded->header, decoded->body) == bytes);
}

/// Newer versions have parts that this one does not keep.
bool refused_or_canonical(std::string_view bytes) {
  const auto decoded = decode(bytes);
  if (!decoded || decoded->header.version > version_max) return true;
  return encode(decoded->header, decoded->body) == bytes;
}

Event any_event() {
  EventFields fields;
  for (auto& byte : fields.id.bytes) byte = *rc::gen::arbitrary<std::uint8_t>();
  fields.id.bytes[0] |= 1;
  fields.type = *any_text(255);
  fields.user = *rc::gen::element(std::string(), *any_text(255));
  fields.time =
      Timestamp(std::chrono::microseconds(*rc::gen::inRange<std::int64_t>(1, 4'000'000'000'000'000)));
  fields.format = static_cast<PayloadFormat>(*rc::gen::inRange(0, 3));
  fields.payload = *rc::gen::arbitrary<std::string>();
  fields.headers = {{*any_text(20), *any_text(300)}, {*any_text(20), *any_text(300)}};
  return Event(std::move(fields));
}

}  // namespace

TEST_CASE("every frame that keeps the rules comes back as it went", "[wire][property]") {
  for (std::size_t index = 0; index < std::variant_size_v<Body>; ++index) {
    rc::prop("kind at " + std::to_string(index), [index] { check_round_trip(index); });
  }
}

TEST_CASE("every event that keeps the rules comes back as it went", "[wire][property]") {
  rc::prop("event and keys", [] {
    const Event event = any_event();
    std::vector<RegistrationKey> keys;
    const auto count = *rc::gen::inRange(0, 20);
    for (int i = 0; i < count; ++i) keys.push_back(*RegistrationKey::make(*any_text(30), *any_text(100)));
    const std::set<RegistrationKey> sorted(keys.begin(), keys.end());

    std::string bytes;
    encode_event(event, keys, PayloadFormat::binary, bytes);
    const auto decoded = decode_event(bytes);

    RC_ASSERT(decoded.has_value());
    RC_ASSERT(decoded->event == event);
    RC_ASSERT(std::ranges::equal(decoded->keys, sorted));
    RC_ASSERT(std::ranges::equal(*decode_keys(bytes), sorted, {}, {}, &RegistrationKey::to_string));
  });
}

TEST_CASE("any bytes are refused or have one form", "[wire][property]") {
  rc::prop("behind a good header", [] {
    const auto index = *rc::gen::inRange<std::size_t>(0, std::variant_size_v<Body>);
    std::string bytes = encode(*any_header(), *any_body(index));
    const auto places =
        *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(56, bytes.size()));
    for (const std::size_t place : places) bytes[place] = *rc::gen::arbitrary<char>();

    RC_ASSERT(refused_or_canonical(bytes));
  });
}
