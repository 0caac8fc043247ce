#include "raw_queue.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plain_log.hpp"

namespace bench {

namespace {

constexpr unsigned workers_count = 3;
constexpr int high_water = 100'000;

/// What a producer sends at most before it looks at what has come.
constexpr std::uint64_t round = 50;

void check(int result, const char* what) {
  if (result < 0) fail(std::string(what) + ": " + zmq_strerror(zmq_errno()));
}

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
    receive(open, [](std::uint64_t) {});
  }
  template <class Each>
  void receive(std::uint64_t open, Each each) {
    for (;;) {
      std::array<char, 64> id{};
      const int length = zmq_recv(router_, id.data(), id.size(), open_ >= open ? 0 : ZMQ_DONTWAIT);
      if (length < 0) return;
      const std::string_view from(id.data(), static_cast<std::size_t>(length));
      std::uint64_t number = 0;
      check(zmq_recv(router_, &number, sizeof number, 0), "acknowledgement");
      --load_[static_cast<std::size_t>(std::ranges::find(workers_, from) - workers_.begin())];
      --open_;
      each(number);
    }
  }

  [[nodiscard]] std::uint64_t open() const { return open_; }

  /// Until an acknowledgement comes or `descriptor` can be read.
  void wait(int descriptor) {
    if ((number(ZMQ_EVENTS) & ZMQ_POLLIN) != 0) return;
    pollfd either[] = {{number(ZMQ_FD), POLLIN, 0}, {descriptor, POLLIN, 0}};
    require(::poll(either, std::size(either), 1'000) >= 0, "cannot wait");
  }

 private:
  int number(int option) {
    int value = 0;
    std::size_t size = sizeof value;
    check(zmq_getsockopt(router_, option, &value, &size), "option");
    return value;
  }

  void* const context_ = zmq_ctx_new();
  void* const router_ = zmq_socket(context_, ZMQ_ROUTER);
  std::vector<std::string> workers_;
  std::vector<std::uint64_t> load_;
  std::uint64_t open_ = 0;
};

/// What the log has synced, for the thread that sends it on.
class Synced {
 public:
  explicit Synced(const std::string& path)
      : log_(path, [this](std::vector<PlainLog::Record> records) { add(std::move(records)); }) {}

  [[nodiscard]] PlainLog& log() { return log_; }
  [[nodiscard]] int descriptor() const { return event_; }

  [[nodiscard]] std::vector<PlainLog::Record> take() {
    std::uint64_t ignored = 0;
    if (::read(event_, &ignored, sizeof ignored) < 0) return {};
    const std::lock_guard lock(mutex_);
    return std::exchange(records_, {});
  }

 private:
  void add(std::vector<PlainLog::Record> records) {
    {
      const std::lock_guard lock(mutex_);
      std::ranges::move(records, std::back_inserter(records_));
    }
    const std::uint64_t one = 1;
    require(::write(event_, &one, sizeof one) == sizeof one, "cannot tell what is synced");
  }

  const int event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::mutex mutex_;
  std::vector<PlainLog::Record> records_;
  PlainLog log_;  // its thread adds
};

/// One producer's rounds: what is synced goes to workers and is confirmed, what is acknowledged is logged.
class LoggedQueue {
 public:
  LoggedQueue(Shared& shared, const std::string& path) : source_(shared), synced_(path) {}

  void submit_round() {
    for (auto left = std::min(in_flight - (submitted_ - confirmed_), round); left > 0; --left) {
      synced_.log().append(submitted_, stamped(submitted_));
      ++submitted_;
    }
  }
  /// Until fewer than `unconfirmed` wait for their confirmation.
  void turn(std::uint64_t unconfirmed) {
    for (;;) {
      for (const auto& [number, payload] : synced_.take()) {
        source_.send(payload);
        ++confirmed_;
      }
      source_.receive(~std::uint64_t{0}, [this](std::uint64_t number) { synced_.log().append_done(number); });
      if (submitted_ - confirmed_ < unconfirmed) return;
      source_.wait(synced_.descriptor());
    }
  }
  void finish() {
    turn(1);
    source_.receive(1, [this](std::uint64_t number) { synced_.log().append_done(number); });
  }
  [[nodiscard]] std::uint64_t submitted() const { return submitted_; }

 private:
  Source source_;
  Synced synced_;
  std::uint64_t submitted_ = 0;
  std::uint64_t confirmed_ = 0;
};

}  // namespace

Spread logged_rate(const std::string& directory, double seconds) {
  Shared& shared = shared_memory();
  Workers workers(workers_count, [&](unsigned) { work(shared); });
  std::uint64_t took = 0;
  std::uint64_t submitted = 0;
  {
    LoggedQueue queue(shared, directory + "/plain.log");
    const auto start = nanoseconds();
    const auto end = start + static_cast<std::uint64_t>(seconds * 1e9);
    while (nanoseconds() < end) {
      queue.turn(in_flight);
      queue.submit_round();
    }
    queue.finish();
    submitted = queue.submitted();
    shared.finish(submitted);
    took = nanoseconds() - start;
    shared.ending = true;
    workers.join();
  }
  return spread_of(submitted, took);
}

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
      for (auto left = std::min(in_flight - source.open(), round); left > 0; --left) source.send(stamped(submitted++));
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
  shared.sampling = true;
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
