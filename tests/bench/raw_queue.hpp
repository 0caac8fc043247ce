#pragma once

#include "flow.hpp"
#include "shared_flow.hpp"

namespace bench {

/// Events that may wait for their receipt, or, where there are none, for their acknowledgement.
inline constexpr std::uint64_t in_flight = 1'000;

/// What came of a throughput run.
struct Spread {
  double rate = 0;    ///< events a second, until the last was handled
  double cpu_us = 0;  ///< processor time of all processes for an event
};

inline Spread spread_of(std::uint64_t events, std::uint64_t took_ns) {
  return {static_cast<double>(events) * 1e9 / static_cast<double>(took_ns),
          cpu_seconds() * 1e6 / static_cast<double>(events)};
}

/// Half of the events took less from being sent to the worker.
inline double latency_of(const Shared& shared) {
  const auto count = std::min<std::uint64_t>(shared.samples, shared.waited_ns.size());
  return median_us({shared.waited_ns.begin(), shared.waited_ns.begin() + static_cast<std::ptrdiff_t>(count)});
}

/// A work queue of plain libzmq: one ROUTER, three workers with a DEALER, nothing durable, one acknowledgement
/// for each message.
Spread raw_rate(double seconds);
double raw_latency_us(double seconds);

/// The same behind a group-commit log in `directory`: each message is synced before it is confirmed and sent to a worker.
Spread logged_rate(const std::string& directory, double seconds);

}  // namespace bench
