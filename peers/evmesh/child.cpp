#include "evmesh/child.hpp"

#include <cerrno>

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/files.hpp"

namespace evmesh::cli {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Fd;

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  return all;
}

/// A child that does not read ends its side; that is its business, not an error of ours.
void feed(const Fd& to, const std::string& input) {
  std::size_t sent = 0;
  while (sent < input.size()) {
    const ssize_t now = ::send(to.get(), input.data() + sent, input.size() - sent, MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) return;
    sent += static_cast<std::size_t>(now);
  }
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

peers::Outcome<int> run_child(const std::string& command, const std::string& input,
                              const std::vector<std::pair<std::string, std::string>>& variables) {
  int ends[2];
  // A socket instead of a pipe: writing to a reader that is gone can be told not to raise a signal.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return end_with(ExitCode::unavailable, "--exec: " + peers::errno_text(errno));
  }
  Fd ours(ends[0]);
  Fd its(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, its.get(), STDIN_FILENO);

  std::string words[] = {"sh", "-c", command};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  std::vector<std::string> environment = environment_with(variables);
  std::vector<char*> entries;
  for (std::string& entry : environment) entries.push_back(entry.data());
  entries.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, "/bin/sh", &actions, nullptr, arguments, entries.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return end_with(ExitCode::unavailable, "--exec: /bin/sh: " + peers::errno_text(error));
  its = Fd();
  feed(ours, input);
  ours = Fd();
  return wait_for(child);
}

}  // namespace evmesh::cli
