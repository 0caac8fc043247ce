#include "delivery/call_scope.hpp"

#include <thread>

#include <catch2/catch.hpp>

using evmesh::delivery::CallScope;
using evmesh::delivery::NodeMark;

TEST_CASE("a thread is at depth zero outside listener calls", "[delivery][scope]") {
  const NodeMark node;

  CHECK(CallScope::depth(node) == 0);
}

TEST_CASE("calls nest and end in order", "[delivery][scope]") {
  const NodeMark node;
  {
    const CallScope outer(node, 1);
    {
      const CallScope inner(node, 2);
      CHECK(CallScope::depth(node) == 2);
    }
    CHECK(CallScope::depth(node) == 1);
  }
  CHECK(CallScope::depth(node) == 0);
}

TEST_CASE("nodes are told apart, also when their calls nest", "[delivery][scope]") {
  const NodeMark first;
  const NodeMark second;
  const CallScope outer(first, 3);
  const CallScope inner(second, 1);

  CHECK(CallScope::depth(first) == 3);
  CHECK(CallScope::depth(second) == 1);
}

TEST_CASE("another thread is not inside this one's call", "[delivery][scope]") {
  const NodeMark node;
  const CallScope scope(node, 1);
  unsigned other_depth = 99;

  std::thread([&] { other_depth = CallScope::depth(node); }).join();

  CHECK(other_depth == 0);
}
