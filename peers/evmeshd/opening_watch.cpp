#include "evmeshd/opening_watch.hpp"

#include <utility>

#include <poll.h>
#include <sys/eventfd.h>

namespace evmesh::daemon {

OpeningWatch::OpeningWatch(peers::StopSignal& stop, std::function<void(int)> on_signal)
    : stop_(stop),
      on_signal_(std::move(on_signal)),
      over_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { run(); }) {}

OpeningWatch::~OpeningWatch() {
  static_cast<void>(::eventfd_write(over_.get(), 1));
  thread_.join();
}

void OpeningWatch::run() {
  pollfd both[] = {{stop_.fd(), POLLIN, 0}, {over_.get(), POLLIN, 0}};
  while (both[1].revents == 0) {
    if (::poll(both, 2, -1) <= 0) continue;
    if (both[0].revents == 0 || !stop_.raised()) continue;
    on_signal_(stop_.number());
    return;
  }
}

}  // namespace evmesh::daemon
