#include "work/questions.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::work;
using namespace std::chrono_literals;

namespace {

Life life(std::uint8_t number, std::uint64_t epoch = 1) {
  Life made{{}, epoch};
  made.id.bytes[15] = number;
  return made;
}

const Life here = life(1);
const Life there = life(2);
const MonoTime start{};
constexpr QuestionLimits small{
    .open_max = 2, .part_bytes = 4, .answer_bytes_max = 200, .arguments_bytes_max = 10};

/// Takes whatever is sent.
class Wide final : public Room {
 public:
  explicit Wide(std::uint64_t room = 1 << 20) : room_(room) {}
  [[nodiscard]] std::uint64_t room_bytes(const Life&, wire::Class) const override { return room_; }

 private:
  std::uint64_t room_;
};

/// Two nodes whose frames arrive when `carry` is called.
struct Pair {
  Questions asker{small};
  Questions other{small};

  void carry(const Room& room = Wide()) {
    carry(here, asker, other, room);
    carry(there, other, asker, room);
  }
  static void carry(const Life& from, Questions& sender, Questions& receiver, const Room& room) {
    Frames frames;
    sender.pump(from, room, frames);
    for (const SendFrame& frame : frames) receiver.on_frame(from, wire::decode(frame.bytes).value());
  }
  Questions::Number ask(std::string arguments = "{}") {
    return asker.ask(start + 2s, there, "b", "groups", std::move(arguments)).value();
  }
};

ErrorCode code(const std::optional<Result<std::string>>& answer) {
  REQUIRE(answer.has_value());
  REQUIRE_FALSE(answer->has_value());
  return answer->error().code;
}

}  // namespace

TEST_CASE("a question is answered by the member it was put to, once", "[work][questions]") {
  Pair pair;
  const auto number = pair.ask("{\"a\":1}");
  pair.carry();
  const auto asked = pair.other.asked();

  REQUIRE(asked.size() == 1);
  CHECK(asked[0].from == here);
  CHECK(asked[0].operation == "groups");
  CHECK(asked[0].arguments == "{\"a\":1}");
  CHECK(pair.other.asked().empty());
  CHECK_FALSE(pair.asker.take(number));

  pair.other.answer(here, asked[0].number, std::string("{\"b\":22222222}"));
  pair.other.answer(here, asked[0].number, std::string("again"));
  pair.carry();

  CHECK(pair.asker.take(number).value() == "{\"b\":22222222}");
  CHECK_FALSE(pair.asker.take(number));
}

TEST_CASE("an answer of many parts waits for room, and comes whole", "[work][questions]") {
  Pair pair;
  const auto number = pair.ask();
  pair.carry();
  pair.other.answer(here, pair.other.asked()[0].number, std::string("12345678901234567890"));
  for (int parts = 0; parts < 4; ++parts) {
    pair.carry(Wide(200));  // one frame at a time
    CHECK(pair.other.wants_pump());
    CHECK_FALSE(pair.asker.take(number));
  }

  pair.carry(Wide(10));
  CHECK(pair.other.wants_pump());
  pair.carry(Wide(200));

  CHECK_FALSE(pair.other.wants_pump());
  CHECK(pair.asker.take(number).value() == "12345678901234567890");
}

TEST_CASE("an error comes with its code and its sentence", "[work][questions]") {
  Pair pair;
  const auto number = pair.ask();
  pair.carry();
  pair.other.answer(here, pair.other.asked()[0].number,
                    fail(ErrorCode::invalid_argument, "no bus is called \"x\""));
  pair.carry();

  const auto answer = pair.asker.take(number);
  CHECK(code(answer) == ErrorCode::invalid_argument);
  CHECK(answer->error().message == "no bus is called \"x\"");
}

TEST_CASE("an answer that is too large is refused by name, and one that is empty is an answer",
          "[work][questions]") {
  Pair pair;
  const auto large = pair.ask(), empty = pair.ask();
  pair.carry();
  const auto asked = pair.other.asked();
  pair.other.answer(here, asked[0].number, std::string(201, 'x'));
  pair.other.answer(here, asked[1].number, std::string());
  for (int turn = 0; turn < 80; ++turn) pair.carry();

  CHECK(code(pair.asker.take(large)) == ErrorCode::event_too_large);
  CHECK(pair.asker.take(empty).value() == "");
}

TEST_CASE("a question ends at its deadline, and a late answer is for nobody", "[work][questions]") {
  Pair pair;
  const auto number = pair.ask();
  pair.carry();
  const auto asked = pair.other.asked();
  pair.asker.tick(start + 1'999ms);
  CHECK_FALSE(pair.asker.take(number));

  pair.asker.tick(start + 2s);

  CHECK(code(pair.asker.take(number)) == ErrorCode::deadline_exceeded);
  pair.other.answer(here, asked[0].number, std::string("late"));
  pair.carry();
  CHECK_FALSE(pair.asker.take(number));
}

TEST_CASE("when a member goes its questions end, and what it asked is forgotten", "[work][questions]") {
  Pair pair;
  const auto number = pair.ask();
  pair.carry();
  const auto asked = pair.other.asked();

  pair.asker.gone(life(3), "it is dead");
  CHECK_FALSE(pair.asker.take(number));
  pair.asker.gone(there, "it is dead");
  pair.other.gone(here, "it is dead");
  pair.other.answer(here, asked[0].number, std::string("for nobody"));

  const auto answer = pair.asker.take(number);
  CHECK(code(answer) == ErrorCode::unknown_member);
  CHECK(answer->error().message == "node b is unreachable: it is dead");
  CHECK_FALSE(pair.other.wants_pump());
}

TEST_CASE("too many open questions are refused, here and there", "[work][questions]") {
  Pair pair;
  static_cast<void>(pair.ask());
  static_cast<void>(pair.ask());
  CHECK(pair.asker.ask(start, there, "b", "groups", "{}").error().code == ErrorCode::busy);
  CHECK(Questions(small).ask(start, there, "b", "groups", "12345678901").error().code ==
        ErrorCode::invalid_argument);
  pair.carry();

  Questions third{small};
  const auto number = third.ask(start + 2s, there, "b", "groups", "{}").value();
  Pair::carry(life(3), third, pair.other, Wide());
  for (int turn = 0; turn < 80; ++turn) Pair::carry(there, pair.other, third, Wide());

  CHECK(pair.other.asked().size() == 2);
  CHECK(code(third.take(number)) == ErrorCode::busy);
}

TEST_CASE("an answer of somebody else, and a broken one, are not taken", "[work][questions]") {
  Pair pair;
  const auto number = pair.ask();
  wire::Frame frame;
  frame.body = wire::Reply{number, 0, 0, 1, "forged"};

  pair.asker.on_frame(life(3), frame);
  CHECK_FALSE(pair.asker.take(number));
  pair.asker.on_frame(life(2, 9), frame);
  CHECK_FALSE(pair.asker.take(number));

  frame.body = wire::Reply{number, 0, 1, 2, "second"};
  pair.asker.on_frame(there, frame);
  CHECK(code(pair.asker.take(number)) == ErrorCode::undecodable);
}

TEST_CASE("a node that stops asks nobody any more", "[work][questions]") {
  Pair pair;
  const auto number = pair.ask();

  pair.asker.give_up("this node has stopped");

  CHECK(code(pair.asker.take(number)) == ErrorCode::closed);
}
