#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

#include "routing/batch.hpp"

namespace evmesh::routing {

/// One number of a stream, or a run of numbers nobody known wanted and that were never encoded (`hollow`).
struct RingEntry {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  ///< = first, unless hollow
  bool hollow = false;
  PeerMask wanted = 0;  ///< peers whose interest matched at acceptance
  std::span<const std::uint64_t> hashes;
  std::string_view bytes;
  std::uint64_t cost_bytes = 0;  ///< what it counts in the ring
};

/// The last events of a stream, for sending and for repair. Numbers are without holes from `first()` to `head()`.
/// Bounded in bytes: the oldest leave, and their memory with the last of the batch that they came in.
class Ring {
 public:
  explicit Ring(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// Gives the next numbers; the last of them.
  std::uint64_t push(Batch batch);

  /// What an event of a batch counts in a ring, beside what its batch holds and does not use.
  [[nodiscard]] static std::uint64_t cost_bytes(const Batch::Event& event);

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
  [[nodiscard]] std::uint64_t overrun() const { return overrun_; }

 private:
  struct Held {
    Batch batch;
    std::uint64_t last = 0;  // number of its last event with bytes
  };

  void push_hollow();
  void add(const RingEntry& entry);
  void trim();

  std::deque<Held> batches_;  // of which there are entries; those without bytes are not kept
  std::deque<RingEntry> entries_;
  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t overrun_ = 0;  // events that left because of the bound
};

}  // namespace evmesh::routing
