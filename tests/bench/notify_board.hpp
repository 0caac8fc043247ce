#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "measure.hpp"

namespace bench {

constexpr std::size_t key_bytes = 32;
constexpr std::uint64_t probe = ~std::uint64_t{0};  ///< a number that only asks whether the receiver is there

/// 32 bytes, in the form of a registration key.
std::string key_of(std::uint64_t number);

/// How a run goes.
struct Course {
  std::size_t receivers = 1;
  std::uint64_t keys = 1;  ///< 1: everyone hears it; else receiver i hears those whose number modulo all receivers is i
  double per_second = 0;   ///< 0: as fast as possible
  double seconds = 2;

  [[nodiscard]] bool all() const { return keys == 1; }
};

/// What a publisher and the processes that receive from it count, in memory they share.
struct Board {
  static constexpr std::size_t receivers_max = 8;

  struct alignas(64) Receiver {
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> misplaced{0};
    std::atomic<bool> ready{false};
    std::uint64_t expected = 0;  // of the receiver alone, like the next two
    std::uint64_t samples = 0;
    std::array<std::uint64_t, 1 << 16> waited_ns;
  };

  std::atomic<bool> ending{false};
  std::atomic<bool> has_endpoint{false};
  std::array<char, 256> endpoint{};
  std::array<Receiver, receivers_max> receivers;

  /// A receiver got this payload.
  void note(std::size_t number, std::string_view payload, const Course& course);

  /// How far they have come: what each of them got, or what they got together.
  [[nodiscard]] std::uint64_t delivered(const Course& course) const;
  [[nodiscard]] bool ready(const Course& course) const;
};

/// In memory that children share.
Board& shared_board();

struct NotifyFigures {
  double rate = 0;        ///< events a second, until the last was heard
  double wire_bytes = 0;  ///< over the loopback interface, for an event
  double p50_us = 0;
  double p99_us = 0;
};

/// Publishes key number and payload, at most 8,192 ahead of the slowest receiver, and waits for the last. No figure when
/// an event is missing, doubled or out of order.
using Publish = std::function<void(std::uint64_t key, std::string payload)>;
NotifyFigures run_course(Board& board, const Course& course, const Publish& publish);

/// Plain libzmq: XPUB without drops, one message for each event; everything goes to everyone, who looks at the key.
NotifyFigures raw_notify(const Course& course);

/// Nodes in scale-efficient mode, through the public API.
NotifyFigures node_notify(const Course& course);

/// Dispatches a second to one synchronous key listener in mono.
double mono_rate(double seconds);

}  // namespace bench
