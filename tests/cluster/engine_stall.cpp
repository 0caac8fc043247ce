#include "engine_stall.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

namespace evmesh::peer {
namespace {

std::atomic<long> stall_ms{0};  // read by the handler

void sleep_here(int) {
  const int kept = errno;
  const long ms = stall_ms.load();
  timespec left{ms / 1000, (ms % 1000) * 1'000'000};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
  errno = kept;
}

}  // namespace

std::set<int> threads_now() {
  std::set<int> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    if (!name.starts_with("ZMQ")) threads.insert(std::stoi(entry.path().filename().string()));
  }
  return threads;
}

void prepare_stalls() {
  struct sigaction action {};
  action.sa_handler = sleep_here;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR1, &action, nullptr);
}

void stall(const std::set<int>& threads, std::chrono::milliseconds time) {
  stall_ms = time.count();
  for (const int thread : threads) ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR1);
}

}  // namespace evmesh::peer
