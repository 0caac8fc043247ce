#include "evmeshd/listeners/child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/files.hpp"
#include "evmeshd/listeners/last_line.hpp"

namespace evmesh::daemon {
namespace {

using peers::Fd;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds term_to_kill{5};

/// The input as a file in memory: no reader can keep us waiting, and none has to read.
Fd file_of(std::string_view input, int& error) {
  Fd file(::memfd_create("event", MFD_CLOEXEC));
  error = file.valid() ? peers::write_fully(file.get(), input) : errno;
  if (error == 0 && ::lseek(file.get(), 0, SEEK_SET) != 0) error = errno;
  return file;
}

/// What posix_spawn is told, released with the value.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  void connect(const Fd& input, const Fd& errors, const std::filesystem::path& directory) {
    posix_spawn_file_actions_adddup2(&actions_, input.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, errors.get(), STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    // Whatever a library has opened without O_CLOEXEC.
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    if (!directory.empty()) posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str());
  }

  /// 0 or the errno.
  int spawn(pid_t& child, std::vector<std::string> words, std::vector<std::string> variables) const {
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      for (std::string& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    return ::posix_spawnp(&child, words.front().c_str(), &actions_, &attributes_, pointers(words).data(),
                          pointers(variables).data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool ours = std::ranges::any_of(variables, [&](const auto& one) { return one.first == name; });
    if (!ours) all.emplace_back(text);
  }
  for (const auto& [name, value] : variables) all.push_back(name + '=' + value);
  return all;
}

/// One child from its start to its end.
class Child {
 public:
  Child(const ChildBounds& bounds, SteadyTime now)
      : bounds_(bounds), deadline_(now + bounds.timeout), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  /// 0 or the errno.
  int start(const ChildTask& task) {
    int error = 0;
    const Fd input = file_of(task.input, error);
    std::array<int, 2> ends{};
    if (error == 0 && ::pipe2(ends.data(), O_CLOEXEC) != 0) error = errno;
    if (error != 0) return error;
    errors_ = Fd(ends[0]);
    const Fd its_errors(ends[1]);
    if (!wake_.valid() || ::fcntl(errors_.get(), F_SETFL, O_NONBLOCK) != 0) return errno;
    SpawnPlan plan;
    plan.connect(input, its_errors, task.directory);
    error = plan.spawn(pid_, task.words, environment_with(task.variables));
    if (error != 0) return error;
    // The C library of Debian 12 declares pidfd_open for C only.
    process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    return 0;
  }

  ChildEnd wait() {
    const auto wake = [this] { static_cast<void>(::eventfd_write(wake_.get(), 1)); };
    const std::stop_callback on_stop(bounds_.stop.token(), wake);
    const std::stop_callback on_end(bounds_.at_once, wake);
    while (!over()) {
      look(Clock::now());
      attend();
    }
    read_errors();
    return reap();
  }

 private:
  enum class Sent : std::uint8_t { nothing, term, kill };

  /// Of a group that got TERM, members that still hold its standard error are given their time as well.
  [[nodiscard]] bool over() const { return exited_ && (sent_ != Sent::term || !errors_.valid()); }

  /// Sends what is due.
  void look(SteadyTime now) {
    if (sent_ == Sent::nothing) {
      const bool late = now >= deadline_;
      const auto stop = bounds_.stop.terminate_at();
      const bool stopped = bounds_.at_once.stop_requested() || (stop && now >= *stop);
      if (!late && !stopped) return;
      timed_out_ = late && !stopped;
      sent_ = Sent::term;
      kill_at_ = now + term_to_kill;
      ::kill(-pid_, SIGTERM);
    } else if (sent_ == Sent::term && now >= kill_at_) {
      sent_ = Sent::kill;
      ::kill(-pid_, SIGKILL);
    }
  }

  /// Milliseconds until something is due; -1: nothing is.
  [[nodiscard]] int left(SteadyTime now) const {
    constexpr int look_ms = 50;
    if (!process_.valid()) return look_ms;
    if (sent_ == Sent::kill) return -1;
    SteadyTime due = sent_ == Sent::term ? kill_at_ : deadline_;
    const auto stop = bounds_.stop.terminate_at();
    if (sent_ == Sent::nothing && stop) due = std::min(due, *stop);
    constexpr std::int64_t longest = 3'600'000;
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(due - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(rest, 0, longest));
  }

  void attend() {
    if (over()) return;
    pollfd watched[] = {
        {exited_ ? -1 : process_.get(), POLLIN, 0}, {errors_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    const int happened = ::poll(watched, 3, left(Clock::now()));
    if (!process_.valid()) return ask();
    if (happened <= 0) return;
    if (watched[0].revents != 0) exited_ = true;
    if (watched[1].revents != 0) read_errors();
    eventfd_t count = 0;
    if (watched[2].revents != 0) static_cast<void>(::eventfd_read(wake_.get(), &count));
  }

  /// Without a descriptor of the process (there were none left) somebody has to look.
  void ask() {
    siginfo_t info{};
    exited_ = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
              info.si_pid == pid_;
    read_errors();
  }

  /// What is there now. Bounded, so that a child that writes without end cannot keep us here.
  void read_errors() {
    std::array<char, 16384> piece;
    for (int round = 0; round < 8 && errors_.valid(); ++round) {
      const ssize_t got = ::read(errors_.get(), piece.data(), piece.size());
      if (got > 0)
        said_.add({piece.data(), static_cast<std::size_t>(got)});
      else if (got == 0)
        errors_ = Fd();
      else if (errno != EINTR)
        return;
    }
  }

  /// Until now the dead child has kept the group's number from being given to others.
  ChildEnd reap() {
    if (sent_ != Sent::nothing) ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    ChildEnd end{ChildEnd::Kind::exited, WEXITSTATUS(status), said_.text()};
    if (timed_out_) {
      end.kind = ChildEnd::Kind::timed_out;
    } else if (WIFSIGNALED(status)) {
      end.kind = sent_ == Sent::nothing ? ChildEnd::Kind::killed : ChildEnd::Kind::stopped;
      end.number = WTERMSIG(status);
    }
    return end;
  }

  const ChildBounds& bounds_;
  const SteadyTime deadline_;
  const Fd wake_;
  Fd process_;
  Fd errors_;  // closed when all writers are gone
  pid_t pid_ = 0;
  LastLine said_;
  Sent sent_ = Sent::nothing;
  SteadyTime kill_at_{};
  bool exited_ = false;
  bool timed_out_ = false;
};

}  // namespace

void ChildrenStop::begin(SteadyTime terminate_at) {
  SteadyTime::rep none = 0;
  terminate_at_.compare_exchange_strong(none, terminate_at.time_since_epoch().count());
  source_.request_stop();
}

std::optional<SteadyTime> ChildrenStop::terminate_at() const {
  const SteadyTime::rep at = terminate_at_.load();
  if (at == 0) return std::nullopt;
  return SteadyTime(SteadyTime::duration(at));
}

ChildEnd run_child(const ChildTask& task, const ChildBounds& bounds) {
  const SteadyTime now = Clock::now();
  const auto stop = bounds.stop.terminate_at();
  if (bounds.at_once.stop_requested() || (stop && now >= *stop)) {
    return {ChildEnd::Kind::stopped, 0, {}};
  }
  Child child(bounds, now);
  if (const int error = child.start(task); error != 0) return {ChildEnd::Kind::not_started, error, {}};
  return child.wait();
}

}  // namespace evmesh::daemon
