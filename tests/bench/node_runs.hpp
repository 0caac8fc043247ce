#pragma once

#include <cstdint>
#include <string>

namespace bench {

// Each run opens a node of level disk on `directory` and stops it; a run with an event missing or doubled
// ends the program.

/// Events a second that one producer gets through a group of three threads, with 1,000 receipts in flight.
double node_rate(const std::string& directory, double seconds);

/// Half of the events of a producer of 500 a second reach the listener sooner after `dispatch` was called.
double node_latency_us(const std::string& directory, double seconds);

/// Half of the calls of `dispatch` at 500 a second return sooner, the event being on the disk.
double node_receipt_us(const std::string& directory, double seconds);

/// Leaves `events` on the disk that a group without a listener is owed.
void owe(const std::string& directory, std::uint64_t events);

struct Restart {
  double seconds = 0;                ///< that `Node::open` took
  std::uint64_t resident_bytes = 0;  ///< by which the process grew
};
Restart restart(const std::string& directory);

}  // namespace bench
