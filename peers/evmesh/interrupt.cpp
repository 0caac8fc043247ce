#include "evmesh/interrupt.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <unistd.h>

namespace evmesh::cli {
namespace {

// A signal handler can be told of things only through static storage. Changed while the signals are blocked.
const char* volatile closing_now = nullptr;

extern "C" void end_now(int signal) {
  const char* const closing = closing_now;
  if (closing != nullptr) static_cast<void>(!::write(STDOUT_FILENO, closing, std::strlen(closing)));
  ::_exit(128 + signal);
}

}  // namespace

void end_on_signals() {
  std::signal(SIGINT, &end_now);
  std::signal(SIGTERM, &end_now);
}

int write_document(std::string_view bytes, const char* closing) {
  sigset_t ending;
  sigset_t before;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, &before);
  int error = 0;
  while (!bytes.empty() && error == 0) {
    // Only here a signal comes through: while the reader has no room.
    pollfd out{STDOUT_FILENO, POLLOUT, 0};
    static_cast<void>(::ppoll(&out, 1, nullptr, &before));
    const ssize_t written =
        ::write(STDOUT_FILENO, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (written < 0 && errno != EINTR) error = errno;
    if (written <= 0) continue;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    closing_now = nullptr;  // what is half written cannot be closed
  }
  closing_now = error == 0 ? closing : nullptr;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace evmesh::cli
