#include "bus/async_queue.hpp"

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

const AsyncQueue::Start yes = [] { return true; };

AsyncDispatch of(std::size_t bytes) { return {sample(std::string(bytes, 'x')), {}, {}}; }

}  // namespace

TEST_CASE("what waits comes out in order, and a runner is started once", "[bus][async]") {
  AsyncQueue queue({10, 10'000});
  int started = 0;
  const AsyncQueue::Start start = [&] { return ++started > 0; };

  must(queue.add({sample("one"), {}, {}}, start));
  must(queue.add({sample("two"), {}, {}}, start));

  CHECK(started == 1);
  CHECK(queue.take(1).at(0).event.payload() == "one");
  CHECK(queue.take(5).at(0).event.payload() == "two");
  CHECK(queue.take(5).empty());
  queue.come_again(start);
  CHECK(started == 1);
  must(queue.add({sample("three"), {}, {}}, start));
  CHECK(started == 2);
  queue.come_again(start);
  CHECK(started == 3);
}

TEST_CASE("the bytes that wait are bounded, payloads and keys together", "[bus][async]") {
  AsyncQueue queue({10, 10'000});
  must(queue.add(of(4'500), yes));
  must(queue.add(of(4'500), yes));

  const auto refused = queue.add(of(1'000), yes);
  CHECK(code(refused) == ErrorCode::busy);
  CHECK(refused.error().message.find("2 asynchronous dispatches of") == 0);
  CHECK(code(queue.add({sample(""), std::vector(4, key("K:" + std::string(250, 'k'))), {}}, yes)) ==
        ErrorCode::busy);
  static_cast<void>(queue.take(1));
  CHECK(queue.add(of(1'000), yes));
}

TEST_CASE("what is taken at once is bounded in bytes, and one always comes", "[bus][async]") {
  AsyncQueue queue({10, 100'000});
  must(queue.add(of(4'500), yes));
  must(queue.add(of(4'500), yes));
  must(queue.add(of(1), yes));

  CHECK(queue.take(10, 100).size() == 1);
  CHECK(queue.take(10, 10'000).size() == 2);
}

TEST_CASE("the number that waits is bounded", "[bus][async]") {
  AsyncQueue queue({2, 10'000});
  must(queue.add(of(1), yes));
  must(queue.add(of(1), yes));

  CHECK(code(queue.add(of(1), yes)) == ErrorCode::busy);
}

TEST_CASE("one event always fits", "[bus][async]") {
  AsyncQueue queue({10, 100});

  CHECK(queue.add(of(1'000), yes));
  CHECK(code(queue.add(of(1), yes)) == ErrorCode::busy);
}

TEST_CASE("a runner that could not start is started by the next", "[bus][async]") {
  AsyncQueue queue({10, 10'000});
  must(queue.add(of(1), [] { return false; }));
  int started = 0;

  must(queue.add(of(1), [&] { return ++started > 0; }));

  CHECK(started == 1);
}
