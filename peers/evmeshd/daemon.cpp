#include "evmeshd/daemon.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "admin/server.hpp"
#include "base/log_sink.hpp"
#include "base/text.hpp"

#include "common/files.hpp"
#include "common/stderr_log.hpp"
#include "evmeshd/listeners/configured_listeners.hpp"
#include "evmeshd/opening_watch.hpp"
#include "evmeshd/ready_file.hpp"

namespace evmesh::daemon {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Failure;
using peers::Outcome;

/// What other threads want of the main thread. Thread-safe.
class Wishes {
 public:
  Wishes() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  [[nodiscard]] int fd() const { return event_.get(); }

  void leave() {
    const std::lock_guard lock(mutex_);
    leave_ = true;
    wake();
  }

  void fail(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = error;
    wake();
  }

  [[nodiscard]] bool wants_leave() const {
    const std::lock_guard lock(mutex_);
    return leave_;
  }

  [[nodiscard]] std::optional<Error> failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  void wake() { static_cast<void>(::eventfd_write(event_.get(), 1)); }

  const peers::Fd event_;
  mutable std::mutex mutex_;  // guards the two below
  bool leave_ = false;
  std::optional<Error> failure_;
};

/// A full or broken disk, as against a directory that is locked or not ours: the library has one code for
/// both, and the system's reason at the end of its message.
bool disk_failed(const std::string& message) {
  constexpr int reasons[] = {ENOSPC, EDQUOT, EFBIG, EIO};
  return std::ranges::any_of(reasons,
                             [&](int number) { return message.ends_with(peers::errno_text(number)); });
}

ExitCode exit_code_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument: return ExitCode::usage;
    case ErrorCode::not_supported: return ExitCode::config;
    case ErrorCode::disk_full: return ExitCode::io;
    case ErrorCode::node_failed: return ExitCode::data;
    case ErrorCode::storage: return disk_failed(error.message) ? ExitCode::io : ExitCode::cannot_create;
    case ErrorCode::cannot_bind: return ExitCode::cannot_create;
    default: return ExitCode::bug;
  }
}

tl::unexpected<Failure> ended_by(const Error& error) { return end_with(exit_code_of(error), error.message); }

Outcome<void> open_log_file(const std::filesystem::path& file) {
  if (file.empty()) return {};
  const peers::Fd opened(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!opened.valid()) return tl::unexpected(peers::io_failure("log file", file, errno));
  // Everything that goes to standard error goes there, also what libraries say.
  if (::dup2(opened.get(), STDERR_FILENO) < 0)
    return tl::unexpected(peers::io_failure("log file", file, errno));
  return {};
}

extern "C" void end_now(int signal) { ::_exit(128 + signal); }

/// From now on a signal ends the process at once.
void obey_second_signal() {
  std::signal(SIGTERM, &end_now);
  std::signal(SIGINT, &end_now);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void log_start(const LogSink& log, const Settings& settings, const NodeStatus& status) {
  const auto say = [&](const char* name, const std::string& value) {
    base::log(log, LogLevel::info, "start", {{name, value.empty() ? "none" : value}});
  };
  say("name", status.name);
  say("id", status.id.to_string());
  say("mode", std::string(to_string(status.mode)));
  say("listen", status.listen);
  say("admin", settings.admin_socket.native());
  say("data-dir", settings.node.data_dir.native());
  say("security", status.mode == Mode::mono ? "no sockets"
                  : settings.node.insecure  ? "insecure: links are not encrypted"
                                            : "loopback only, links are not encrypted");
  for (const std::string& note : status.notes) base::log(log, LogLevel::info, "note", {{"text", note}});
}

void wait_for_end(peers::StopSignal& stop, const Wishes& wishes) {
  pollfd both[] = {{stop.fd(), POLLIN, 0}, {wishes.fd(), POLLIN, 0}};
  while (!stop.raised() && !wishes.wants_leave() && !wishes.failure()) ::poll(both, 2, -1);
}

Outcome<void> serve(Node& node, const Settings& settings, const ReadyFile& ready,
                    ConfiguredListeners& listeners, peers::StopSignal& stop, Wishes& wishes) {
  const LogSink& log = settings.node.log;
  // Before anybody can dispatch: what comes is owed to the groups of the configuration from the first event
  // on.
  if (auto started = listeners.start(node, settings.listeners); !started) return started;
  auto admin = admin::AdminServer::start(node, {.socket = settings.admin_socket,
                                                .event_size_bytes_max = settings.node.event_size_bytes_max,
                                                .on_leave = [&wishes] { wishes.leave(); },
                                                .counters = [&listeners] { return listeners.counters(); }});
  if (!admin) return ended_by(admin.error());
  const NodeStatus status = node.status();
  log_start(log, settings, status);
  if (auto written = ready.write(ready_json(status, settings.admin_socket, ::getpid())); !written)
    return written;
  base::log(log, LogLevel::info, "ready");
  wait_for_end(stop, wishes);
  obey_second_signal();
  if (const auto failure = wishes.failure()) return ended_by(*failure);
  base::log(log, LogLevel::info, "stopping",
            {{"reason", wishes.wants_leave() ? "asked to leave" : "signal"}});
  listeners.stop();
  if (wishes.wants_leave()) {
    node.leave();
  } else {
    node.stop();
  }
  return {};
}

/// Nothing was accepted yet, so a signal ends the process at once; the join may wait for a minute.
Result<std::unique_ptr<Node>> open_node(const NodeOptions& options, peers::StopSignal& stop) {
  const OpeningWatch watch(stop, [&options](int signal) {
    base::log(options.log, LogLevel::info, "stopped", {{"reason", "signal before the node was ready"}});
    end_now(signal);
  });
  return Node::open(options);
}

}  // namespace

Outcome<void> run_daemon(const Settings& settings, const std::string& ready_file, peers::StopSignal& stop) {
  if (auto opened = open_log_file(settings.log_file); !opened) return opened;
  const ReadyFile ready(ready_file);
  Wishes wishes;
  Settings own = settings;
  own.node.log = peers::stderr_log(settings.log_level, peers::log_form_here());
  own.node.on_fatal = [&wishes](const Error& error) { wishes.fail(error); };
  ConfiguredListeners listeners(own.node.log);
  auto node = open_node(own.node, stop);
  if (!node) return ended_by(node.error());
  auto served = serve(**node, own, ready, listeners, stop, wishes);
  // What is left of the node ends before the things its callbacks use.
  listeners.stop();
  node->reset();
  if (served) base::log(own.node.log, LogLevel::info, "stopped");
  return served;
}

}  // namespace evmesh::daemon
