#include "transport/poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "transport/zmq_error.hpp"

namespace evmesh::transport {
namespace {

constexpr int news_max = 256;

}  // namespace

Result<Poller> Poller::open() {
  const int descriptor = epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(socket_error("wait for sockets", errno));
  return Poller(descriptor);
}

Poller::Poller(Poller&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Poller::~Poller() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int Poller::add(Socket& socket) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &socket}};
  return epoll_ctl(descriptor_, EPOLL_CTL_ADD, socket.descriptor(), &event) == 0 ? 0 : errno;
}

void Poller::remove(Socket& socket) { epoll_ctl(descriptor_, EPOLL_CTL_DEL, socket.descriptor(), nullptr); }

void Poller::collect() {
  std::array<epoll_event, news_max> news;
  const int count = epoll_wait(descriptor_, news.data(), news_max, 0);
  for (int i = 0; i < count; ++i) static_cast<Socket*>(news[static_cast<std::size_t>(i)].data.ptr)->touch();
}

}  // namespace evmesh::transport
