#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "transport/names.hpp"
#include "transport/transport.hpp"

namespace evmesh::transport::test {

using namespace std::chrono_literals;

/// Ten times what the slowest wait in here is expected to take.
inline constexpr std::chrono::milliseconds patience{30'000};

/// A life told apart from others by one number.
inline wire::Life life(std::uint8_t number, std::uint64_t epoch = 1'000) {
  wire::Life life{.id = {}, .epoch = epoch};
  life.id.bytes.fill(number);
  return life;
}

/// Keeps everything it is told.
struct Recorder final : Handler {
  struct Event {
    LinkId link;
    LinkEvent event;
    bool operator==(const Event&) const = default;
  };
  struct Change {
    std::string topic;
    bool active;
    bool operator==(const Change&) const = default;
  };

  std::vector<std::pair<ConnectionId, std::string>> frames;
  std::vector<std::pair<LinkId, std::string>> answers;
  std::vector<std::string> published;
  std::vector<Change> subscriptions;
  std::vector<Event> events;
  std::vector<LinkId> writable;
  std::vector<Error> failures;
  // Besides keeping what comes.
  std::function<void(const ConnectionId&, std::string_view)> when_frame;
  std::function<void(LinkId)> when_answer;

  void on_router(const ConnectionId& from, wire::Buffer frame) override {
    frames.emplace_back(from, frame.bytes);
    if (when_frame) when_frame(from, frame.bytes);
  }
  void on_answer(LinkId link, wire::Buffer frame) override {
    answers.emplace_back(link, frame.bytes);
    if (when_answer) when_answer(link);
  }
  void on_published(wire::Buffer frame) override { published.emplace_back(frame.bytes); }
  void on_subscription(std::string_view topic, bool active) override {
    subscriptions.push_back({std::string(topic), active});
  }
  void on_link(LinkId link, LinkEvent event) override { events.push_back({link, event}); }
  void on_writable(LinkId link) override { writable.push_back(link); }
  void on_failed(const Error& error) override { failures.push_back(error); }

  [[nodiscard]] bool saw(LinkId link, LinkEvent event) const { return count(link, event) > 0; }
  [[nodiscard]] std::ptrdiff_t count(LinkId link, LinkEvent event) const {
    return std::count(events.begin(), events.end(), Event{link, event});
  }
};

/// On loopback, any free ports.
inline Options options(std::uint8_t number, std::uint64_t epoch = 1'000) {
  Options options;
  options.listen = "tcp://127.0.0.1:0";
  options.self = life(number, epoch);
  return options;
}

/// The same on ports that stay the same: PORT and PORT + 1, both free now. Below the range that systems hand
/// out by themselves.
inline Options fixed_options(std::uint8_t number, std::uint64_t epoch = 1'000) {
  static int next = 20'000 + getpid() % 1'000 * 10;
  Options fixed = options(number, epoch);
  for (;; next += 2) {
    fixed.listen = "tcp://127.0.0.1:" + std::to_string(next);
    if (Transport::open(fixed)) {
      next += 2;
      return fixed;
    }
  }
}

/// A transport and what it was told, as a node would hold them.
struct Peer {
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Recorder> heard = std::make_unique<Recorder>();

  explicit Peer(std::uint8_t number, std::uint64_t epoch = 1'000) : Peer(options(number, epoch)) {}
  explicit Peer(const Options& options) {
    Result<std::unique_ptr<Transport>> opened = Transport::open(options);
    if (!opened) FAIL(opened.error().message);
    transport = std::move(*opened);
  }

  Transport* operator->() const { return transport.get(); }
};

/// Drives peers as their engines would: asks `ready`, waits on `wait_fd` only, so that a lost wake-up fails a
/// test. True as soon as `holds()` is; false when it is not within `patience`.
template <class Condition>
[[nodiscard]] bool run_until(std::vector<const Peer*> peers, Condition&& holds,
                             std::chrono::milliseconds deadline = patience, std::size_t messages_max = 256) {
  const int set = epoll_create1(EPOLL_CLOEXEC);
  for (const Peer* peer : peers) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = (*peer)->wait_fd()}};
    epoll_ctl(set, EPOLL_CTL_ADD, (*peer)->wait_fd(), &event);
  }
  const auto end = std::chrono::steady_clock::now() + deadline;
  bool held = false;
  for (;;) {
    bool more = false;
    for (const Peer* peer : peers) {
      more |= (*peer)->receive(*peer->heard, messages_max);
      more |= (*peer)->ready();
    }
    held = holds();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (held || left <= 0ms) break;
    epoll_event news{};
    if (!more) epoll_wait(set, &news, 1, static_cast<int>(left.count()));
  }
  ::close(set);
  return held;
}

/// Both ends of a link from `from` to `to`, shaken hands.
inline void connect(const Peer& from, LinkId link, const Peer& to) {
  REQUIRE(from->dial(link, to->work_endpoint()).has_value());
  REQUIRE(run_until({&from, &to}, [&] { return from.heard->saw(link, LinkEvent::connected); }));
}

}  // namespace evmesh::transport::test
