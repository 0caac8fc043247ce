#include "wire/frames.hpp"

#include <string>
#include <type_traits>

#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;
using namespace std::string_view_literals;

namespace {

/// The reason why `bytes` is refused; fails the test when it is not.
DecodeError refusal(std::string_view bytes) {
  const auto decoded = decode(bytes);
  REQUIRE_FALSE(decoded);
  return decoded.error();
}

/// A HELLO of version 9, speaking 9 to 12, of cluster "evmesh", followed by what only version 9 knows.
std::string hello_of_version_9() {
  const std::string frozen = patched(sample("hello").bytes.substr(0, 65), 56, "09 0c");
  return with_length(patched(frozen, 2, "09") + "\xff\xff\xff");
}

}  // namespace

TEST_CASE("every kind of frame has the bytes that the README shows", "[wire][frames]") {
  REQUIRE(samples().size() == std::variant_size_v<Body>);
  for (const Sample& expected : samples()) {
    INFO(expected.name);

    const std::string bytes = encode(expected.frame.header, expected.frame.body);

    CHECK(bytes == expected.bytes);
  }
}

TEST_CASE("the bytes that the README shows are read as every kind of frame", "[wire][frames]") {
  for (const Sample& expected : samples()) {
    INFO(expected.name);

    const auto decoded = decode(expected.bytes);

    REQUIRE(decoded);
    CHECK(*decoded == expected.frame);
  }
}

TEST_CASE("the kind of a frame comes from its body", "[wire][frames]") {
  Header header = sample("ping").frame.header;
  header.kind = Kind::report;

  const auto decoded = decode(encode(header, Ping{1}));

  REQUIRE(decoded);
  CHECK(decoded->header.kind == Kind::ping);
}

TEST_CASE("events of a NOTIFY are read without being copied", "[wire][frames]") {
  const std::string& bytes = sample("notify").bytes;

  const auto decoded = decode(bytes);

  REQUIRE(decoded);
  const auto& notify = std::get<Notify>(decoded->body);
  REQUIRE(notify.events.size() == 1);
  CHECK(notify.events[0].bytes.data() == bytes.data() + 87);
  CHECK(notify.events[0].bytes == from_hex(hex_of("event")));
}

TEST_CASE("the head announcement is a NOTIFY without events", "[wire][frames]") {
  const auto decoded =
      decode(frame_of(Kind::notify, "01 00 00 2a 00 00 00 00 00 00 00 2a 00 00 00 00 00 00 00 00 00 00 00"));

  REQUIRE(decoded);
  CHECK(decoded->body == Body(Notify{.bus = 1, .after = 42, .to = 42, .events = {}}));
}

TEST_CASE("an absent optional is one byte", "[wire][frames]") {
  const auto decoded = decode(frame_of(Kind::subscribe, "01 00 00 03 00 00 00 00 00 00 00"));

  REQUIRE(decoded);
  CHECK(decoded->body == Body(Subscribe{1, std::nullopt, 3}));
}

TEST_CASE("what is no frame of this protocol is named", "[wire][frames]") {
  const std::string ping = sample("ping").bytes;

  CHECK(refusal("") == DecodeError::truncated);
  CHECK(refusal(ping.substr(0, 55)) == DecodeError::truncated);
  CHECK(refusal(patched(ping, 0, "65")) == DecodeError::bad_magic);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: 10.0.0.1:7520\r\nUser-Agent: somebody\r\n\r\n"sv) ==
        DecodeError::bad_magic);
  CHECK(refusal(patched(ping, 2, "00")) == DecodeError::bad_version);
  CHECK(refusal(patched(ping, 2, "02")) == DecodeError::bad_version);
  CHECK(refusal(patched(ping, 4, "09")) == DecodeError::bad_length);
  CHECK(refusal(patched(ping, 4, "ff ff ff ff")) == DecodeError::bad_length);
  CHECK(refusal(ping.substr(0, 63)) == DecodeError::bad_length);
  CHECK(refusal(with_length(ping.substr(0, 63))) == DecodeError::truncated);
  CHECK(refusal(with_length(ping + '\0')) == DecodeError::trailing_bytes);
}

TEST_CASE("a frame without a sender is refused", "[wire][frames]") {
  const std::string ping = sample("ping").bytes;

  CHECK(refusal(patched(ping, 8, "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00")) ==
        DecodeError::bad_value);
  CHECK(refusal(patched(ping, 24, "00 00 00 00 00 00 00 00")) == DecodeError::bad_value);
}

TEST_CASE("a kind of a later version is skipped, and its header known", "[wire][frames]") {
  const std::string bytes = patched(sample("ping").bytes, 3, "c8");
  Header header;

  const auto decoded = decode(bytes, &header);

  REQUIRE_FALSE(decoded);
  CHECK(decoded.error() == DecodeError::unknown_kind);
  CHECK(header.from == sample("ping").frame.header.from);
  CHECK(header.from_epoch == 0x0102030405060708);
  CHECK(static_cast<int>(header.kind) == 200);
}

TEST_CASE("the header is given back when the body is broken", "[wire][frames]") {
  Header header;

  const auto decoded = decode(frame_of(Kind::ping, "00"), &header);

  REQUIRE_FALSE(decoded);
  CHECK(header == sample("ping").frame.header);
}

TEST_CASE("the frozen part of a HELLO of a later version is read", "[wire][frames]") {
  const auto decoded = decode(hello_of_version_9());

  REQUIRE(decoded);
  CHECK(decoded->header.version == 9);
  const auto& hello = std::get<Hello>(decoded->body);
  CHECK(hello.version_lowest == 9);
  CHECK(hello.version_highest == 12);
  CHECK(hello.cluster == "evmesh");
  CHECK(hello.name.empty());
}

TEST_CASE("a HELLO stands in the lowest version its sender speaks", "[wire][frames]") {
  CHECK(refusal(patched(hello_of_version_9(), 56, "08")) == DecodeError::bad_value);
  CHECK(refusal(patched(sample("hello").bytes, 2, "02")) == DecodeError::bad_value);

  Header header = sample("hello").frame.header;
  Hello hello = std::get<Hello>(sample("hello").frame.body);
  header.version = 1;
  hello.version_lowest = 4;
  hello.version_highest = 4;
  CHECK(encode(header, hello)[2] == 4);
}

TEST_CASE("a HELLO of this version may come from a node that speaks later ones too", "[wire][frames]") {
  const auto decoded = decode(patched(sample("hello").bytes, 57, "07"));

  REQUIRE(decoded);
  CHECK(std::get<Hello>(decoded->body).version_highest == 7);
  CHECK(std::get<Hello>(decoded->body).name == "node-1");
}

TEST_CASE("REJECT and WELCOME of a later version are read and what follows is skipped", "[wire][frames]") {
  const std::string reject = with_length(patched(sample("reject").bytes, 2, "09") + "later");
  const std::string welcome = with_length(patched(sample("welcome").bytes, 2, "09") + "later");

  const auto rejected = decode(reject);
  const auto welcomed = decode(welcome);

  REQUIRE(rejected);
  CHECK(rejected->body == sample("reject").frame.body);
  REQUIRE(welcomed);
  CHECK(welcomed->body == sample("welcome").frame.body);
}

TEST_CASE("a reason that only a later version knows keeps its text", "[wire][frames]") {
  const auto decoded = decode(patched(patched(sample("reject").bytes, 2, "09"), 56, "63"));

  REQUIRE(decoded);
  const auto& reject = std::get<Reject>(decoded->body);
  CHECK(reject.reason == RejectReason::malformed);
  CHECK(reject.text == "a later life runs");
}

TEST_CASE("interest is announced by the hash that every node agrees on", "[wire][frames]") {
  CHECK(interest_hash("events", "MailboxId:42") == 0x8068031308e49926);
  CHECK(interest_hash("jmap", "MailboxId:42") == 0x42e58f05f7941b93);
  CHECK(interest_hash("events", "User:") == 0xe983a0f2068a5be7);
  CHECK(interest_hash("events", "K:gr\xc3\xbc\xc3\x9f") == 0x56dfa870c53558a6);
  CHECK(interest_hash("events", "") == 0xae7f8b52d8fe0ca0);
}

TEST_CASE("bus and key cannot run into each other in an interest hash", "[wire][frames]") {
  CHECK(interest_hash("event", "sK:1") != interest_hash("events", "K:1"));
  CHECK(interest_hash(std::string(255, 'b'), std::string(255, 'k')) !=
        interest_hash(std::string(255, 'b'), std::string(254, 'k')));
}

TEST_CASE("reasons and errors have the names that logs show", "[wire][frames]") {
  CHECK(to_string(RejectReason::cluster) == "cluster");
  CHECK(to_string(RejectReason::version) == "version");
  CHECK(to_string(RejectReason::stale_epoch) == "stale_epoch");
  CHECK(to_string(RejectReason::twin) == "twin");
  CHECK(to_string(RejectReason::full) == "full");
  CHECK(to_string(RejectReason::forgotten) == "forgotten");
  CHECK(to_string(RejectReason::malformed) == "malformed");
  CHECK(to_string(DecodeError::truncated) == "truncated");
  CHECK(to_string(DecodeError::bad_magic) == "bad_magic");
  CHECK(to_string(DecodeError::bad_version) == "bad_version");
  CHECK(to_string(DecodeError::unknown_kind) == "unknown_kind");
  CHECK(to_string(DecodeError::bad_length) == "bad_length");
  CHECK(to_string(DecodeError::bad_value) == "bad_value");
  CHECK(to_string(DecodeError::trailing_bytes) == "trailing_bytes");
}
