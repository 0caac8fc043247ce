#pragma once

#include <cstdint>
#include <optional>

#include <evmesh/result.hpp>

#include "base/clock.hpp"
#include "membership/membership.hpp"
#include "transport/poller.hpp"
#include "transport/socket.hpp"

namespace evmesh::transport {

using membership::LinkEvent;

/// What ZeroMQ tells about a connection, told only when it changes something. Value.
class LinkProgress {
 public:
  /// `event`: a ZMQ_EVENT_ number, in the order they came. ZeroMQ reports a refused attempt and one that
  /// nobody answered in the same way and repeats it for each attempt; here refused is said once, and only for
  /// an attempt that ended well before its time was up. When the reader itself slept over a whole attempt,
  /// that may be wrong: it is a hint.
  [[nodiscard]] std::optional<LinkEvent> observe(std::uint16_t event, base::MonoTime now);

 private:
  enum class State : std::uint8_t { waiting, connected, refused };

  State state_ = State::waiting;
  base::MonoTime attempt_began_{};
};

/// Listens to what ZeroMQ tells of one DEALER. Its PAIR has no bound and is read by the same loop as
/// everything else: ZeroMQ sends these events with a blocking call, and a reader that is not there would stop
/// every socket of the context. Thread-bound; `watched` and `poller` outlive it.
class Monitor {
 public:
  /// To be called before `watched` is connected. Errors: busy, node_failed.
  [[nodiscard]] static Result<Monitor> open(void* context, Socket& watched);

  Monitor(Monitor&& other) noexcept;
  Monitor& operator=(Monitor&&) = delete;
  ~Monitor();

  /// The next thing worth telling; nothing when all has been read. `handshakes_failed` grows by those seen on
  /// the way.
  [[nodiscard]] std::optional<LinkEvent> next(base::MonoTime now, std::uint64_t& handshakes_failed);

  [[nodiscard]] Socket& events() { return events_; }

 private:
  Monitor(Socket& watched, Socket events) : watched_(watched.handle()), events_(std::move(events)) {}

  void* watched_;
  Socket events_;
  LinkProgress progress_;
};

}  // namespace evmesh::transport
