#include "transport/send_queue.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::transport;

namespace {

constexpr std::size_t mib = 1'048'576;

zmq::message_t message(std::string_view text) { return zmq::message_t(text.data(), text.size()); }
zmq::message_t message_of(std::size_t bytes) { return zmq::message_t(bytes); }

std::vector<std::string> empty_out(SendQueue& queue) {
  std::vector<std::string> out;
  while (zmq::message_t* const next = queue.front()) {
    out.push_back(next->to_string());
    queue.pop(next->size());
  }
  return out;
}

}  // namespace

TEST_CASE("what waits leaves by urgency, and within a class in order", "[transport][send_queue]") {
  SendQueue queue;
  for (const auto& [cls, text] : {std::pair{Class::bulk, "b1"},
                                  {Class::work, "w1"},
                                  {Class::notification, "n1"},
                                  {Class::control, "c1"},
                                  {Class::notification, "n2"},
                                  {Class::control, "c2"},
                                  {Class::bulk, "b2"},
                                  {Class::work, "w2"}}) {
    REQUIRE(queue.push(cls, message(text)));
  }

  CHECK(empty_out(queue) == std::vector<std::string>{"c1", "c2", "n1", "n2", "w1", "w2", "b1", "b2"});
  CHECK(queue.empty());
}

TEST_CASE("a frame has to wait behind its own and more urgent classes only", "[transport][send_queue]") {
  SendQueue queue;
  REQUIRE(queue.push(Class::notification, message("n")));

  CHECK_FALSE(queue.occupied_for(Class::control));
  CHECK(queue.occupied_for(Class::notification));
  CHECK(queue.occupied_for(Class::work));
  CHECK(queue.occupied_for(Class::bulk));
}

TEST_CASE("bytes are counted per class until the frame has gone", "[transport][send_queue]") {
  SendQueue queue;
  REQUIRE(queue.push(Class::work, message("12345")));
  REQUIRE(queue.push(Class::work, message("678")));
  CHECK(queue.bytes(Class::work) == 8);
  CHECK(queue.bytes(Class::control) == 0);

  queue.pop(5);

  CHECK(queue.bytes(Class::work) == 3);
}

TEST_CASE("a class takes bytes up to its bound and not one more", "[transport][send_queue]") {
  const auto [cls, bound] = GENERATE(table<Class, std::size_t>({{Class::control, 1 * mib},
                                                                {Class::notification, 4 * mib},
                                                                {Class::work, 4 * mib},
                                                                {Class::bulk, 1 * mib}}));
  SendQueue queue;
  REQUIRE(queue.push(cls, message_of(bound - 100)));

  CHECK_FALSE(queue.push(cls, message_of(101)));
  CHECK(queue.push(cls, message_of(100)));
  CHECK_FALSE(queue.push(cls, message_of(1)));
  CHECK(queue.bytes(cls) == bound);
}

TEST_CASE("a full class does not keep another from queueing", "[transport][send_queue]") {
  SendQueue queue;
  REQUIRE(queue.push(Class::bulk, message_of(1 * mib)));

  CHECK(queue.push(Class::control, message_of(1)));
}

TEST_CASE("a frame longer than the bound waits alone", "[transport][send_queue]") {
  SendQueue queue;

  CHECK(queue.push(Class::control, message_of(16 * mib)));
  CHECK_FALSE(queue.push(Class::control, message_of(1)));
}
