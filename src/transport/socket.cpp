#include "transport/socket.hpp"

#include <cerrno>
#include <charconv>
#include <utility>

#include "transport/zmq_error.hpp"

namespace evmesh::transport {
namespace {

constexpr std::size_t endpoint_bytes_max = 256;

int outcome_number(int result) { return result == 0 ? 0 : zmq_errno(); }

Outcome read_outcome(int number) {
  if (number == EAGAIN) return Outcome::again;
  return number == EHOSTUNREACH ? Outcome::unreachable : Outcome::failed;
}

}  // namespace

Result<Socket> Socket::open(void* context, int kind) {
  void* const handle = zmq_socket(context, kind);
  if (handle == nullptr) return tl::unexpected(socket_error("make a socket", zmq_errno()));
  return Socket(handle);
}

Socket::Socket(Socket&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), touched_(other.touched_) {}

Socket::~Socket() {
  if (handle_ != nullptr) zmq_close(handle_);
}

int Socket::set(int option, int value) {
  touch();
  return outcome_number(zmq_setsockopt(handle_, option, &value, sizeof(value)));
}

int Socket::set(int option, std::int64_t value) {
  touch();
  return outcome_number(zmq_setsockopt(handle_, option, &value, sizeof(value)));
}

int Socket::set(int option, std::string_view value) {
  touch();
  return outcome_number(zmq_setsockopt(handle_, option, value.data(), value.size()));
}

int Socket::bind(const std::string& endpoint) {
  touch();
  return outcome_number(zmq_bind(handle_, endpoint.c_str()));
}

int Socket::connect(const std::string& endpoint) {
  touch();
  return outcome_number(zmq_connect(handle_, endpoint.c_str()));
}

int Socket::disconnect(const std::string& endpoint) {
  touch();
  return outcome_number(zmq_disconnect(handle_, endpoint.c_str()));
}

std::string Socket::last_endpoint() const {
  std::array<char, endpoint_bytes_max> text{};
  std::size_t size = text.size();
  return zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text.data(), &size) == 0 ? std::string(text.data())
                                                                             : std::string();
}

std::uint16_t Socket::bound_port() const {
  const std::string endpoint = last_endpoint();
  const std::size_t colon = endpoint.rfind(':');
  std::uint16_t port = 0;
  if (colon != std::string::npos) {
    std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  }
  return port;
}

int Socket::descriptor() const {
  int descriptor = -1;
  std::size_t size = sizeof(descriptor);
  return zmq_getsockopt(handle_, ZMQ_FD, &descriptor, &size) == 0 ? descriptor : -1;
}

Outcome Socket::send(zmq::message_t& message, bool more) {
  touch();
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  while (zmq_msg_send(message.handle(), handle_, flags) < 0) {
    if (zmq_errno() != EINTR) return read_outcome(zmq_errno());
  }
  return Outcome::done;
}

Outcome Socket::receive_part(zmq::message_t& part) {
  while (zmq_msg_recv(part.handle(), handle_, ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() != EINTR) return read_outcome(zmq_errno());
  }
  return Outcome::done;
}

Outcome Socket::receive(Message& message) {
  touch();
  message.count = 0;
  zmq::message_t surplus;
  for (bool more = true; more; ++message.count) {
    zmq::message_t& part = message.count < message.parts.size() ? message.parts[message.count] : surplus;
    const Outcome outcome = receive_part(part);
    if (outcome != Outcome::done)
      return outcome;  // only the first part can be missing: a message comes whole
    more = part.more();
  }
  return Outcome::done;
}

bool Socket::ready(int wanted) {
  if (!touched_) return false;
  int events = 0;
  std::size_t size = sizeof(events);
  while (zmq_getsockopt(handle_, ZMQ_EVENTS, &events, &size) != 0) {
    if (zmq_errno() != EINTR) return true;  // so that the next receive finds out what is wrong
  }
  touched_ = (events & wanted) != 0;
  return touched_;
}

}  // namespace evmesh::transport
