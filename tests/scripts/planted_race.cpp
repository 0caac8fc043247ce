// Two threads write one variable without any order, between uses of libzmq: proof that the suppressions for libzmq
// hide no race of ours. Built with -Dplanted_race=true only.
#include <cstdio>
#include <string>
#include <thread>

#include <zmq.h>

namespace {

long written = 0;

void write_between_messages(void* context, const std::string& name) {
  void* sender = zmq_socket(context, ZMQ_PAIR);
  void* receiver = zmq_socket(context, ZMQ_PAIR);
  const std::string endpoint = "inproc://" + name;
  zmq_bind(receiver, endpoint.c_str());
  zmq_connect(sender, endpoint.c_str());
  for (int i = 0; i < 1000; ++i) {
    char byte = 'x';
    zmq_send(sender, &byte, 1, 0);
    zmq_recv(receiver, &byte, 1, 0);
    ++written;
  }
  zmq_close(sender);
  zmq_close(receiver);
}

}  // namespace

int main() {
  void* context = zmq_ctx_new();
  std::thread one(write_between_messages, context, "one");
  std::thread two(write_between_messages, context, "two");
  one.join();
  two.join();
  zmq_ctx_term(context);
  std::printf("written %ld times\n", written);
}
