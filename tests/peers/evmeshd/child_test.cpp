#include "evmeshd/listeners/child.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "support/eventually.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace std::chrono_literals;
using daemon::ChildEnd;
using daemon::ChildrenStop;
using Kind = ChildEnd::Kind;

namespace {

constexpr auto patience = 60s;

struct Given {
  std::string input = "";
  std::vector<std::pair<std::string, std::string>> variables = {};
  std::filesystem::path directory = {};
  std::chrono::milliseconds timeout = patience;
};

ChildEnd run(const std::vector<std::string>& words, const Given& given = {},
             const ChildrenStop& stop = ChildrenStop(), std::stop_token at_once = {}) {
  return daemon::run_child({words, given.directory, given.input, given.variables},
                           {given.timeout, stop, std::move(at_once)});
}

ChildEnd shell(const std::string& text, const Given& given = {}) {
  return run({"/bin/sh", "-c", text}, given);
}

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

bool lives(pid_t process) { return ::kill(process, 0) == 0; }

}  // namespace

TEST_CASE("a child's exit code and the last line of its standard error come back", "[evmeshd]") {
  const ChildEnd end = shell("echo ignored; echo first >&2; echo last words >&2; exit 75");

  CHECK(end.kind == Kind::exited);
  CHECK(end.number == 75);
  CHECK(end.last_line == "last words");
}

TEST_CASE("a child that kills itself is told with its signal", "[evmeshd]") {
  const ChildEnd end = shell("kill -SEGV $$");

  CHECK(end.kind == Kind::killed);
  CHECK(end.number == SIGSEGV);
}

TEST_CASE("a child finds its input, its variables and its directory", "[evmeshd]") {
  const support::TempDir place;

  const ChildEnd end = shell(
      "cat > input; cat /dev/stdin > again; printf %s \"$EVMESH_EVENT_TYPE\" > type",
      {.input = "{\"a\": 1}\n", .variables = {{"EVMESH_EVENT_TYPE", "Added"}}, .directory = place.path()});

  CHECK(end.number == 0);
  CHECK(content(place.path() / "input") == "{\"a\": 1}\n");
  CHECK(content(place.path() / "again") == "{\"a\": 1}\n");
  CHECK(content(place.path() / "type") == "Added");
}

TEST_CASE("a variable of the daemon's own environment gives way to the event's", "[evmeshd]") {
  ::setenv("EVMESH_EVENT_TYPE", "outer", 1);

  const ChildEnd end =
      shell("env | grep -c ^EVMESH_EVENT_TYPE= >&2", {.variables = {{"EVMESH_EVENT_TYPE", "inner"}}});
  const ChildEnd value =
      shell("echo $EVMESH_EVENT_TYPE >&2", {.variables = {{"EVMESH_EVENT_TYPE", "inner"}}});
  ::unsetenv("EVMESH_EVENT_TYPE");

  CHECK(end.last_line == "1");
  CHECK(value.last_line == "inner");
}

TEST_CASE("a child that does not read 16 MiB of input holds nobody up", "[evmeshd]") {
  CHECK(run({"/bin/true"}, {.input = std::string(16 << 20, 'x')}).kind == Kind::exited);
}

TEST_CASE("a child that writes without end is read, and bounded", "[evmeshd]") {
  const ChildEnd end =
      shell("head -c 5000000 /dev/zero >&2; head -c 5000000 /dev/zero; echo end >&2; exit 1");

  CHECK(end.number == 1);
  CHECK(end.last_line.size() <= 1024);
}

TEST_CASE("a child has three descriptors, no blocked signal, and a default for each", "[evmeshd]") {
  const int leak = ::open("/dev/null", O_RDONLY);  // a library that forgot O_CLOEXEC
  sigset_t term;
  sigset_t before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &before);
  const auto old = std::signal(SIGPIPE, SIG_IGN);

  const ChildEnd files = shell("exec ls /proc/self/fd >&2");  // 3 is the listing's own
  const ChildEnd blocked = shell("exec grep SigBlk /proc/self/status >&2");
  const ChildEnd ignored = shell("kill -PIPE $$; exit 0");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::signal(SIGPIPE, old);
  ::close(leak);

  CHECK(files.last_line == "3");
  CHECK(blocked.last_line == "SigBlk:\\t0000000000000000");
  CHECK(ignored.number == SIGPIPE);
}

TEST_CASE("a program or directory that is not there is told with the reason", "[evmeshd]") {
  CHECK(run({"/absent"}).kind == Kind::not_started);
  CHECK(run({"/absent"}).number == ENOENT);
  CHECK(run({"/etc/passwd"}).number == EACCES);
  CHECK(run({"true"}, {.directory = "/absent"}).kind == Kind::not_started);
}

TEST_CASE("a program without a slash is looked for in PATH", "[evmeshd]") {
  CHECK(run({"true"}).number == 0);
}

TEST_CASE("at its timeout a child ends with its whole group, and none becomes a zombie", "[evmeshd]") {
  const support::TempDir place;
  const auto begun = std::chrono::steady_clock::now();

  const ChildEnd end = shell("echo $$ > leader; (echo started >&2; exec sleep 1000) & echo $! > member; wait",
                             {.directory = place.path(), .timeout = 1s});

  CHECK(end.kind == Kind::timed_out);
  CHECK(end.last_line == "started");
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  CHECK(support::eventually(patience, [&] { return !lives(std::stoi(content(place.path() / "member"))); }));
  CHECK_FALSE(lives(std::stoi(content(place.path() / "leader"))));
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("a child that does not obey TERM is killed 5 s later, and one that obeys has its time",
          "[evmeshd]") {
  const support::TempDir place;
  const auto begun = std::chrono::steady_clock::now();

  const ChildEnd deaf = shell("trap '' TERM; echo deaf >&2; while :; do sleep 1; done", {.timeout = 500ms});
  const auto took = std::chrono::steady_clock::now() - begun;
  const ChildEnd slow = shell("trap 'sleep 1; echo cleaned up > trace; exit 0' TERM; sleep 100 & wait",
                              {.directory = place.path(), .timeout = 500ms});

  CHECK(deaf.kind == Kind::timed_out);
  CHECK(deaf.last_line == "deaf");
  CHECK(took >= 5500ms);
  CHECK(slow.kind == Kind::timed_out);
  CHECK(content(place.path() / "trace") == "cleaned up\n");
}

TEST_CASE("a member of the group that outlives its leader has the same time, and then is killed",
          "[evmeshd]") {
  const support::TempDir place;

  const ChildEnd deaf =
      shell("(trap '' TERM; echo deaf >&2; while :; do sleep 1; done) & echo $! > member; wait",
            {.directory = place.path(), .timeout = 500ms});
  const ChildEnd slow = shell("(trap 'sleep 1; echo cleaned up > trace; exit' TERM; sleep 100 & wait) & wait",
                              {.directory = place.path(), .timeout = 500ms});

  CHECK(deaf.kind == Kind::timed_out);
  CHECK(support::eventually(patience, [&] { return !lives(std::stoi(content(place.path() / "member"))); }));
  CHECK(slow.kind == Kind::timed_out);
  CHECK(content(place.path() / "trace") == "cleaned up\n");
}

TEST_CASE("what a child leaves running in the background is not waited for", "[evmeshd]") {
  const support::TempDir place;

  const ChildEnd end = shell("sleep 1000 & echo $! > member; exit 3", {.directory = place.path()});
  const pid_t member = std::stoi(content(place.path() / "member"));

  CHECK(end.kind == Kind::exited);
  CHECK(end.number == 3);
  CHECK(::kill(member, SIGKILL) == 0);
}

TEST_CASE("at the daemon's stop a child may end by itself in time; else it gets TERM; and none starts after",
          "[evmeshd]") {
  const support::TempDir place;
  ChildrenStop stop;
  ChildEnd quick;
  ChildEnd slow;
  const std::string mark = "echo > " + (place.path() / "mark").native() + "$0; ";
  std::thread quick_run([&] { quick = run({"/bin/sh", "-c", mark + "sleep 0.5; exit 7", "1"}, {}, stop); });
  std::thread slow_run([&] { slow = run({"/bin/sh", "-c", mark + "exec sleep 1000", "2"}, {}, stop); });
  for (const char* which : {"mark1", "mark2"}) {
    REQUIRE(support::eventually(patience, [&] { return std::filesystem::exists(place.path() / which); }));
  }

  stop.begin(std::chrono::steady_clock::now() + 2s);
  quick_run.join();
  slow_run.join();
  const ChildEnd late = run({"/bin/true"}, {}, stop);

  CHECK(quick.kind == Kind::exited);
  CHECK(quick.number == 7);
  CHECK(slow.kind == Kind::stopped);
  CHECK(slow.number == SIGTERM);
  CHECK(late.kind == Kind::stopped);
}

TEST_CASE("a child that nobody waits for any more gets TERM at once", "[evmeshd]") {
  std::stop_source source;
  ChildEnd end;
  std::thread running([&] { end = run({"sleep", "1000"}, {}, ChildrenStop(), source.get_token()); });

  source.request_stop();
  running.join();

  CHECK(end.kind == Kind::stopped);
}
