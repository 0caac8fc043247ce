#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "routing/interest.hpp"

namespace evmesh::routing {

/// One number of a stream, or a run of numbers nobody known wanted and that were never encoded (`hollow`).
struct RingEntry {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  ///< = first, unless hollow
  bool hollow = false;
  PeerMask wanted = 0;  ///< peers whose interest matched at acceptance
  std::vector<std::uint64_t> hashes;
  std::string bytes;
};

/// The last events of a stream, for sending and for repair. Numbers are without holes from `first()` to `head()`.
/// Bounded in bytes: the oldest leave. Value.
class Ring {
 public:
  explicit Ring(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// Takes the next number.
  std::uint64_t push(std::string bytes, std::vector<std::uint64_t> hashes, PeerMask wanted);

  /// Takes the next number for an event nobody known wants.
  std::uint64_t push_hollow();

  /// Empties it; the next number is 1 again.
  void restart();

  /// Last number given; 0 before the first.
  [[nodiscard]] std::uint64_t head() const { return head_; }

  /// First number still held; head() + 1 when nothing is.
  [[nodiscard]] std::uint64_t first() const;

  /// Index of the entry that holds `seq` or the first after it; `size()` when there is none.
  [[nodiscard]] std::size_t find(std::uint64_t seq) const;
  [[nodiscard]] const RingEntry& at(std::size_t index) const { return entries_[index]; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Of these, what the youngest entry takes.
  [[nodiscard]] std::uint64_t youngest_bytes() const;
  [[nodiscard]] std::uint64_t overrun() const { return overrun_; }

 private:
  void trim();

  std::deque<RingEntry> entries_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t overrun_ = 0;  // events that left because of the bound
};

}  // namespace evmesh::routing
