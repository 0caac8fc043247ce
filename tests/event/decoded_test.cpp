#include <memory>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>

#include <evmesh/codec.hpp>

using namespace evmesh;

namespace {

class Word final : public EventBody {
 public:
  explicit Word(std::string text) : text(std::move(text)) {}
  [[nodiscard]] Encoded encode(PayloadFormat) const override { return {PayloadFormat::raw, text}; }
  const std::string text;
};

class Other final : public EventBody {
 public:
  [[nodiscard]] Encoded encode(PayloadFormat) const override { return {}; }
};

Result<std::shared_ptr<const EventBody>> read_word(const Event& event) {
  if (event.payload() == "throw") throw std::runtime_error("no word\n");
  if (event.payload() == "strange") throw 7;
  if (event.payload() == "null") return std::shared_ptr<const EventBody>();
  if (event.payload().empty()) return fail(ErrorCode::invalid_argument, "empty");
  return std::make_shared<Word>(event.payload());
}

Event with(std::string payload) { return Event({.type = "word", .payload = std::move(payload)}); }

std::string why(const std::string& payload) {
  const Event event = decoded(with(payload), read_word);
  CHECK(event.object() == nullptr);
  CHECK(event.as<Word>() == nullptr);
  CHECK(event.payload() == payload);
  REQUIRE(event.undecodable());
  CHECK(event.undecodable()->code == ErrorCode::undecodable);
  return event.undecodable()->message;
}

}  // namespace

TEST_CASE("a decoded event has its object beside its bytes, and copies share it", "[event]") {
  const Event event = decoded(with("hello"), read_word);
  const Event copy = event;

  REQUIRE(event.as<Word>());
  CHECK(event.as<Word>()->text == "hello");
  CHECK(event.as<Other>() == nullptr);
  CHECK(copy.object() == event.object());
  CHECK_FALSE(event.undecodable());
  CHECK(event.payload() == "hello");
  CHECK(event.body() == nullptr);
}

TEST_CASE("an event that was made from an object is that object", "[event]") {
  const auto word = std::make_shared<Word>("hello");
  const Event event({.type = "word", .body = word});

  CHECK(event.as<Word>() == word);
  CHECK(decoded(event, [](const Event&) -> Result<std::shared_ptr<const EventBody>> { throw 7; }).object() == word);
}

TEST_CASE("an event that nobody decoded has no object and no error", "[event]") {
  CHECK(with("hello").object() == nullptr);
  CHECK_FALSE(with("hello").undecodable());
}

TEST_CASE("whatever a decoder does wrong is an error that the event shows", "[event]") {
  CHECK(why("") == "the payload of \"word\" cannot be decoded: empty");
  CHECK(why("throw") == "the payload of \"word\" cannot be decoded: no word\\n");
  CHECK(why("strange") ==
        "the payload of \"word\" cannot be decoded: its decoder threw something that is no std::exception");
  CHECK(why("null") == "the payload of \"word\" cannot be decoded: its decoder gave nothing");
}

TEST_CASE("a decoded event is equal to the same event with bytes alone, and still may be dispatched", "[event]") {
  const Event plain = with("hello");
  const Event known = decoded(plain, read_word);

  CHECK(plain == known);
  CHECK(known.check(1'000));
  CHECK(payload_as(known, PayloadFormat::json)->bytes == "hello");
}
