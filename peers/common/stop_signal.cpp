#include "common/stop_signal.hpp"

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

namespace evmesh::peers {

StopSignal::StopSignal() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  fd_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

StopSignal::~StopSignal() {
  if (fd_ >= 0) close(fd_);
}

bool StopSignal::raised() {
  signalfd_siginfo info{};
  if (number_ != 0 || fd_ < 0) return number_ != 0;
  if (::read(fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    number_ = static_cast<int>(info.ssi_signo);
  }
  return number_ != 0;
}

}  // namespace evmesh::peers
