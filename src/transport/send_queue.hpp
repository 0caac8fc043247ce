#pragma once

#include <array>
#include <cstddef>
#include <deque>

#include <zmq.hpp>

#include "base/limits.hpp"
#include "wire/life.hpp"

namespace evmesh::transport {

using wire::Class;

inline constexpr std::size_t class_count = 4;

/// How many bytes of each class may wait for one link, control first. What comes on top is dropped and
/// counted; senders that must not lose anything look at `bytes` first and keep theirs.
inline constexpr std::array<std::size_t, class_count> queue_bytes_max = {
    1 * limits::mib,
    limits::link_credit_bytes,
    limits::link_credit_bytes,
    limits::bulk_credit_bytes,
};

/// What waits in front of one DEALER: four queues, the more urgent class always first, within a class in
/// order. Value-like, thread-bound.
class SendQueue {
 public:
  /// False: dropped, because the class holds as much as it may. A frame that is longer than the bound waits
  /// alone.
  [[nodiscard]] bool push(Class cls, zmq::message_t&& message);

  /// A frame of this class would have to wait behind another.
  [[nodiscard]] bool occupied_for(Class cls) const;

  /// The one to send next; null when nothing waits.
  [[nodiscard]] zmq::message_t* front();
  /// Takes off what `front` gave and was sent; `bytes`: its size before it was sent.
  void pop(std::size_t bytes);

  [[nodiscard]] bool empty() const;
  [[nodiscard]] std::size_t bytes(Class cls) const { return lane(cls).bytes; }

 private:
  struct Lane {
    std::deque<zmq::message_t> messages;
    std::size_t bytes = 0;
  };
  [[nodiscard]] const Lane& lane(Class cls) const { return lanes_[static_cast<std::size_t>(cls)]; }
  [[nodiscard]] Lane* first_waiting();

  std::array<Lane, class_count> lanes_;
};

}  // namespace evmesh::transport
