#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/listener.hpp>
#include <evmesh/result.hpp>

#include "delivery/runner.hpp"

namespace evmesh::delivery {

/// An event that waits for listeners of this node, shared by all of them: bytes from the mesh, decoded once
/// and only when somebody is about to run, or an event that was dispatched here. Thread-safe.
class InboundEvent {
 public:
  struct Decoded {
    Event event;
    std::vector<RegistrationKey> keys;
  };

  /// Reads `bytes`.
  using Decode = Result<Decoded> (*)(std::string_view bytes);

  /// From the mesh. `bytes` and `keys` (the exact keys of the event, as they stand there) are in what `owner`
  /// keeps alive, or in what outlives the event anyway.
  InboundEvent(const Origin& origin, std::span<const std::string_view> keys, std::shared_ptr<const void> owner,
               std::string_view bytes, Decode decode);

  /// Dispatched on this node. `place` says where it stands among the events of this node, for gaps only.
  InboundEvent(const Origin& place, Event event, std::vector<RegistrationKey> keys);

  InboundEvent(const InboundEvent&) = delete;
  InboundEvent& operator=(const InboundEvent&) = delete;

  /// Publisher and number; of this node for events that were dispatched here.
  [[nodiscard]] const Origin& place() const { return place_; }

  /// What a listener is told: null for events that were dispatched here.
  [[nodiscard]] const Origin* origin() const { return local_ ? nullptr : &place_; }

  /// The keys as texts, for matching without decoding.
  [[nodiscard]] std::span<const std::string_view> key_texts() const { return key_texts_; }

  /// What it counts in an inbox.
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

  /// The event, decoded by the first that asks. Null when its bytes hold none; `runner` logs and counts that
  /// once.
  [[nodiscard]] const Decoded* open(const Runner& runner);

 private:
  void decode(const Runner& runner);

  Origin place_;
  bool local_;
  std::vector<std::string_view> local_key_texts_;
  std::span<const std::string_view> key_texts_;
  std::shared_ptr<const void> owner_;  // shared: one frame holds many events
  std::string_view bytes_;
  std::uint64_t size_bytes_;
  Decode decode_ = nullptr;
  // Not a std::once_flag: with g++ it asks the kernel each time whether others wait.
  std::atomic<bool> opened_{false};
  std::mutex opening_;
  std::optional<Decoded> decoded_;  // or null for good, once it is opened
};

/// How much memory `event` holds, roughly; what a body holds is not known and counts as a fixed amount.
[[nodiscard]] std::uint64_t memory_bytes(const Event& event);

}  // namespace evmesh::delivery
