// A bus without sockets and disk is enough to test a listener: each event is handled before `dispatch`
// returns.
#include <cstdlib>
#include <iostream>
#include <memory>

#include "counting_listener.hpp"

namespace {

void check(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "not so: " << what << '\n';
  std::exit(1);
}

}  // namespace

int main() {
  auto node = evmesh::Node::open({.delivery = evmesh::DeliveryModel::synchronous}).value();
  evmesh::EventBus& bus = node->bus();
  const auto listener = std::make_shared<CountingListener>();
  const auto group = evmesh::Group::parse("counting").value();
  const auto counting =
      bus.register_listener(listener, group, {.placement = evmesh::Placement::here}).value();

  for (const char* user : {"bob", "alice", "bob", ""}) {
    check(bus.dispatch({.type = "letter.written", .user = user}).has_value(), "the event is accepted");
  }
  check(bus.drain(std::chrono::seconds(10)).has_value(), "all calls have ended");

  check(listener->count("bob") == 2, "bob wrote two");
  check(listener->count("alice") == 1, "alice wrote one");
  check(listener->count("carol") == 0, "carol wrote none");
}
