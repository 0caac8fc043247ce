#include "transport/monitor.hpp"

#include <chrono>
#include <cstring>
#include <utility>

#include "transport/context.hpp"
#include "transport/zmq_error.hpp"

namespace evmesh::transport {
namespace {

constexpr int handshake_failed = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

/// CONNECT_DELAYED begins an attempt that does not succeed at once, CLOSED ends one that failed.
/// CONNECT_RETRIED is of no use: it also comes after a disconnection, before anything was tried.
constexpr int wanted = ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                       ZMQ_EVENT_DISCONNECTED | handshake_failed;

/// An attempt that fails later than this ran into CONNECT_TIMEOUT (1 s): nobody refused it.
constexpr std::chrono::milliseconds refused_within{900};

}  // namespace

std::optional<LinkEvent> LinkProgress::observe(std::uint16_t event, base::MonoTime now) {
  switch (event) {
    case ZMQ_EVENT_CONNECT_DELAYED: attempt_began_ = now; return std::nullopt;
    case ZMQ_EVENT_CLOSED:
      if (state_ == State::refused || now - attempt_began_ > refused_within) return std::nullopt;
      state_ = State::refused;
      return LinkEvent::refused;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: state_ = State::connected; return LinkEvent::connected;
    case ZMQ_EVENT_DISCONNECTED:
      if (state_ != State::connected) return std::nullopt;  // broken before it was a link
      state_ = State::waiting;
      return LinkEvent::disconnected;
    default: return std::nullopt;
  }
}

Result<Monitor> Monitor::open(void* context, Socket& watched) {
  const std::string address = fresh_inproc_address();
  if (zmq_socket_monitor(watched.handle(), address.c_str(), wanted) != 0) {
    return tl::unexpected(socket_error("monitor a socket", zmq_errno()));
  }
  Result<Socket> events = Socket::open(context, ZMQ_PAIR);
  int error = events ? events->set(ZMQ_LINGER, 0) : EMFILE;
  if (error == 0) error = events->set(ZMQ_RCVHWM, 0);
  if (error == 0) error = events->connect(address);
  if (error != 0) {
    zmq_socket_monitor(watched.handle(), nullptr, 0);
    return tl::unexpected(socket_error("monitor a socket", error));
  }
  return Monitor(watched, std::move(*events));
}

Monitor::Monitor(Monitor&& other) noexcept
    : watched_(std::exchange(other.watched_, nullptr)),
      events_(std::move(other.events_)),
      progress_(other.progress_) {}

Monitor::~Monitor() {
  if (watched_ != nullptr) zmq_socket_monitor(watched_, nullptr, 0);  // before its reader goes
}

std::optional<LinkEvent> Monitor::next(base::MonoTime now, std::uint64_t& handshakes_failed) {
  Message message;
  while (events_.receive(message) == Outcome::done) {
    std::uint16_t event = 0;
    if (message.parts[0].size() < sizeof(event)) continue;
    std::memcpy(&event, message.parts[0].data(), sizeof(event));
    if ((event & handshake_failed) != 0) ++handshakes_failed;
    if (const std::optional<LinkEvent> news = progress_.observe(event, now)) return news;
  }
  return std::nullopt;
}

}  // namespace evmesh::transport
