// A program that uses ZeroMQ itself lends evmesh its context: one set of I/O threads, and the host ends it
// after the nodes.
#include <zmq.h>

#include <evmesh/evmesh.hpp>
#include <iostream>

int main() {
  using namespace evmesh;
  void* const context = zmq_ctx_new();
  {
    auto a =
        Node::open(
            {.name = "a", .mode = Mode::broadcast, .listen = "tcp://127.0.0.1:0", .zmq_context = context})
            .value();
    auto b = Node::open({.name = "b",
                         .mode = Mode::broadcast,
                         .listen = "tcp://127.0.0.1:0",
                         .seeds = {a->status().listen},
                         .zmq_context = context})
                 .value();
    // The host's own sockets live beside those of the nodes.
    void* const push = zmq_socket(context, ZMQ_PUSH);
    void* const pull = zmq_socket(context, ZMQ_PULL);
    if (zmq_bind(pull, "inproc://host") != 0 || zmq_connect(push, "inproc://host") != 0) return 1;

    const auto listening = b->bus().register_each_node(make_listener([&](const Event& event) {
      // The bus calls one listener of one publisher from one thread at a time, so this socket is never used
      // by two.
      zmq_send(push, event.payload().data(), event.payload().size(), 0);
    }));
    if (!a->bus().dispatch({.type = "greeting", .payload = "hello"})) return 1;
    char heard[16] = {};
    if (zmq_recv(pull, heard, sizeof heard - 1, 0) < 0) return 1;
    std::cout << "the host's socket has: " << heard << '\n';

    b->stop();
    a->stop();
    zmq_close(push);
    zmq_close(pull);
  }
  zmq_ctx_term(context);  // returns, because no node holds a socket any more
  std::cout << "the context is ended\n";
}
// prints: the host's socket has: hello
// prints: the context is ended
