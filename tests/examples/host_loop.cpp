// A host with an epoll loop of its own: the node has its own threads, and listeners hand over what they hear,
// so that all of the host's code runs in the one thread of its loop.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <evmesh/evmesh.hpp>
#include <iostream>
#include <mutex>
#include <utility>

namespace {

/// Events on their way from the node's threads to the loop. `descriptor` is readable while there are any.
class Mailbox {
 public:
  Mailbox() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() { close(descriptor_); }

  [[nodiscard]] int descriptor() const { return descriptor_; }

  void put(evmesh::Event event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    eventfd_write(descriptor_, 1);
  }

  std::deque<evmesh::Event> take() {
    eventfd_t wakes = 0;
    eventfd_read(descriptor_, &wakes);
    const std::lock_guard lock(mutex_);
    return std::exchange(events_, {});
  }

 private:
  const int descriptor_;
  std::mutex mutex_;
  std::deque<evmesh::Event> events_;
};

}  // namespace

int main() {
  using namespace evmesh;
  Mailbox mailbox;
  auto node = Node::open({}).value();
  const auto key = RegistrationKey::make("User", "bob").value();
  // Asynchronous: `dispatch` does not wait for it.
  const auto listening = node->bus().register_listener(
      make_listener([&](const Event& event) { mailbox.put(event); }, {.mode = ExecutionMode::asynchronous}),
      key);

  const int loop = epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{.events = EPOLLIN, .data = {.fd = mailbox.descriptor()}};
  epoll_ctl(loop, EPOLL_CTL_ADD, mailbox.descriptor(), &wanted);

  for (const char* text : {"one", "two", "three"}) {
    if (!node->bus().dispatch({.type = "note", .payload = text}, key)) return 1;
  }
  for (int heard = 0; heard < 3;) {
    epoll_event ready{};
    if (epoll_wait(loop, &ready, 1, 30'000) < 1) return 1;
    for (const Event& event : mailbox.take()) {
      std::cout << "the loop has " << event.payload() << '\n';
      ++heard;
    }
  }
  node->stop();  // before what its listeners use is gone
  close(loop);
}
// prints: the loop has one
// prints: the loop has two
// prints: the loop has three
