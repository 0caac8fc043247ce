#include "transport/message.hpp"

#include <memory>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::transport;

TEST_CASE("a message holds the bytes of its frame, short or long", "[transport][message]") {
  const auto size = GENERATE(std::size_t{1}, std::size_t{1'024}, std::size_t{1'025}, std::size_t{100'000});
  std::string frame(size, 'x');
  frame.back() = 'y';
  const std::string expected = frame;

  CHECK(to_message(std::move(frame)).to_string() == expected);
}

TEST_CASE("a long frame is taken over, not copied", "[transport][message]") {
  std::string frame(1'025, 'x');
  const char* const bytes = frame.data();

  CHECK(to_message(std::move(frame)).data<char>() == bytes);
}

TEST_CASE("a long buffer is shared by its messages and freed with the last", "[transport][message]") {
  auto text = std::make_shared<const std::string>(1'025, 'x');
  const std::weak_ptr<const std::string> watch = text;
  wire::Buffer buffer{text, *text};
  text.reset();

  auto first = std::make_unique<zmq::message_t>(to_message(buffer));
  auto second = std::make_unique<zmq::message_t>(to_message(buffer));
  buffer = {};
  CHECK(first->data() == second->data());
  first.reset();
  CHECK(second->to_string() == std::string(1'025, 'x'));

  second.reset();
  CHECK(watch.expired());
}

TEST_CASE("a short buffer is not kept by its message", "[transport][message]") {
  auto text = std::make_shared<const std::string>(1'024, 'x');
  const std::weak_ptr<const std::string> watch = text;
  wire::Buffer buffer{text, *text};
  text.reset();

  const zmq::message_t message = to_message(buffer);
  buffer = {};

  CHECK(watch.expired());
  CHECK(message.to_string() == std::string(1'024, 'x'));
}

TEST_CASE("a received message lives as long as somebody holds its buffer", "[transport][message]") {
  const auto size = GENERATE(std::size_t{1}, std::size_t{1'024}, std::size_t{1'025}, std::size_t{100'000});

  wire::Buffer kept;
  {
    zmq::message_t message(std::string(size, 'x'));
    kept = to_buffer(std::move(message));
  }

  CHECK(kept.bytes == std::string(size, 'x'));
}
