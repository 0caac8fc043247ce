#include "raw_queue.hpp"

#include <zmq.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

namespace {

constexpr unsigned workers_count = 3;
constexpr int high_water = 100'000;

void check(int result, const char* what) { require(result >= 0, std::string(what) + ": " + zmq_strerror(zmq_errno())); }

void set(void* socket, int option, int value) { check(zmq_setsockopt(socket, option, &value, sizeof value), "option"); }

/// A DEALER that answers each message with its number.
void work(Shared& shared) {
  while (!shared.has_endpoint) Shared::nap();
  void* const context = zmq_ctx_new();
  void* const dealer = zmq_socket(context, ZMQ_DEALER);
  set(dealer, ZMQ_SNDHWM, high_water);
  set(dealer, ZMQ_RCVHWM, high_water);
  set(dealer, ZMQ_RCVTIMEO, 100);
  set(dealer, ZMQ_LINGER, 0);
  check(zmq_connect(dealer, shared.endpoint.data()), "connect");
  check(zmq_send(dealer, "hi", 2, 0), "hello");
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (!shared.ending) {
    if (zmq_msg_recv(&message, dealer, 0) < 0) continue;
    const std::string_view payload(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    const std::uint64_t number = stamp_of(payload).number;
    shared.note(payload);
    check(zmq_send(dealer, &number, sizeof number, 0), "acknowledge");
  }
  zmq_msg_close(&message);
  zmq_close(dealer);
  zmq_ctx_term(context);
}

/// A ROUTER that gives each message to the worker that has the fewest.
class Source {
 public:
  explicit Source(Shared& shared) {
    set(router_, ZMQ_ROUTER_MANDATORY, 1);
    set(router_, ZMQ_SNDHWM, high_water);
    set(router_, ZMQ_RCVHWM, high_water);
    set(router_, ZMQ_LINGER, 0);
    check(zmq_bind(router_, "tcp://127.0.0.1:*"), "bind");
    std::size_t size = shared.endpoint.size();
    check(zmq_getsockopt(router_, ZMQ_LAST_ENDPOINT, shared.endpoint.data(), &size), "endpoint");
    shared.has_endpoint = true;
    for (unsigned number = 0; number < workers_count; ++number) {
      std::array<char, 64> id{};
      const int length = zmq_recv(router_, id.data(), id.size(), 0);
      check(length, "hello");
      workers_.emplace_back(id.data(), static_cast<std::size_t>(length));
      check(zmq_recv(router_, id.data(), id.size(), 0), "hello");
    }
    load_.resize(workers_.size());
  }
  ~Source() {
    zmq_close(router_);
    zmq_ctx_term(context_);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  void send(const std::string& payload) {
    const auto to = static_cast<std::size_t>(std::ranges::min_element(load_) - load_.begin());
    ++load_[to];
    ++open_;
    check(zmq_send(router_, workers_[to].data(), workers_[to].size(), ZMQ_SNDMORE), "send");
    check(zmq_send(router_, payload.data(), payload.size(), 0), "send");
  }

  /// Takes acknowledgements; waits for one when `open` or more are missing.
  void receive(std::uint64_t open) {
    for (;;) {
      std::array<char, 64> id{};
      const int length = zmq_recv(router_, id.data(), id.size(), open_ >= open ? 0 : ZMQ_DONTWAIT);
      if (length < 0) return;
      const std::string_view from(id.data(), static_cast<std::size_t>(length));
      std::uint64_t number = 0;
      check(zmq_recv(router_, &number, sizeof number, 0), "acknowledgement");
      --load_[static_cast<std::size_t>(std::ranges::find(workers_, from) - workers_.begin())];
      --open_;
    }
  }

 private:
  void* const context_ = zmq_ctx_new();
  void* const router_ = zmq_socket(context_, ZMQ_ROUTER);
  std::vector<std::string> workers_;
  std::vector<std::uint64_t> load_;
  std::uint64_t open_ = 0;
};

}  // namespace

Spread raw_rate(double seconds) {
  Shared& shared = shared_memory();
  Workers workers(workers_count, [&](unsigned) { work(shared); });
  std::uint64_t submitted = 0;
  std::uint64_t took = 0;
  {
    Source source(shared);
    const auto start = nanoseconds();
    const auto end = start + static_cast<std::uint64_t>(seconds * 1e9);
    while (nanoseconds() < end) {
      source.receive(in_flight);
      source.send(stamped(submitted++));
    }
    source.receive(1);
    shared.finish(submitted);
    took = nanoseconds() - start;
    shared.ending = true;
    workers.join();
  }
  return spread_of(submitted, took);
}

double raw_latency_us(double seconds) {
  Shared& shared = shared_memory();
  Workers workers(workers_count, [&](unsigned) { work(shared); });
  {
    Source source(shared);
    std::uint64_t submitted = 0;
    paced(seconds, [&](std::uint64_t number) {
      source.receive(in_flight);
      source.send(stamped(number));
      submitted = number + 1;
    });
    source.receive(1);
    shared.finish(submitted);
    shared.ending = true;
    workers.join();
  }
  return latency_of(shared);
}

}  // namespace bench
