// A host with an epoll loop of its own: the node has threads for its sockets and its disk, but listeners are called
// by the loop, in the host's one thread.
#include <sys/epoll.h>
#include <unistd.h>

#include <evmesh/evmesh.hpp>
#include <iostream>
#include <thread>

int main() {
  using namespace evmesh;
  auto node = Node::open({.host_runs_listeners = true}).value();
  const auto key = RegistrationKey::make("User", "bob").value();
  const std::thread::id host = std::this_thread::get_id();
  int heard = 0;  // needs no lock

  const auto hear = [&](std::string_view who, const Event& event) {
    std::cout << who << " has " << event.payload() << (std::this_thread::get_id() == host ? "\n" : ", elsewhere\n");
    ++heard;
  };
  // Asynchronous: `dispatch` does not call it.
  const auto listening = node->bus().register_listener(
      make_listener([&](const Event& event) { hear("the listener", event); }, {.mode = ExecutionMode::asynchronous}),
      key);
  const auto group = node->bus().register_listener(
      make_listener(
          [&](const Delivery& delivery) {
            if (delivery.attempt == 1) return Outcome::retry_after({}, "not yet");
            hear("the group", delivery.event);
            return Outcome::done();
          },
          {.mode = ExecutionMode::asynchronous}),
      Group::parse("index").value(), {.retry = {.first = std::chrono::milliseconds(10)}});

  const int loop = epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{.events = EPOLLIN, .data = {.fd = node->fd()}};
  epoll_ctl(loop, EPOLL_CTL_ADD, node->fd(), &wanted);

  for (const char* text : {"one", "two"}) {
    if (!node->bus().dispatch({.type = "note", .payload = text}, key)) return 1;
  }
  while (heard < 4) {
    epoll_event ready{};
    if (epoll_wait(loop, &ready, 1, 30'000) < 1) return 1;
    if (!node->run_once()) return 1;  // a few calls; what is left keeps the descriptor readable
  }
  node->stop();  // before what its listeners use is gone
  close(loop);
}
// prints: the listener has one
// prints: the listener has two
// prints: the group has one
// prints: the group has two
