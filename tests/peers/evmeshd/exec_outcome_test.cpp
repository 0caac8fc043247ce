#include "evmeshd/listeners/exec_outcome.hpp"

#include <cerrno>
#include <csignal>

#include <catch2/catch.hpp>

using namespace evmesh;
using daemon::ChildEnd;
using Kind = Outcome::Kind;

namespace {

Outcome outcome(ChildEnd::Kind kind, int number, const std::string& said = "") {
  return daemon::outcome_of({kind, number, said}, "/bin/index", std::chrono::seconds{90});
}

}  // namespace

TEST_CASE("exit 0 is done, 65 refuses for good, and every other code is tried again", "[evmeshd]") {
  CHECK(outcome(ChildEnd::Kind::exited, 0, "only talk").kind() == Kind::done);
  CHECK(outcome(ChildEnd::Kind::exited, 65).kind() == Kind::refused);
  for (const int code : {1, 2, 64, 66, 70, 75, 77, 126, 127, 255}) {
    CAPTURE(code);
    CHECK(outcome(ChildEnd::Kind::exited, code).kind() == Kind::retry);
    CHECK(outcome(ChildEnd::Kind::exited, code).delay() == std::chrono::milliseconds{0});
  }
}

TEST_CASE("a signal, the timeout, the stop of the node and a program that cannot run are tried again",
          "[evmeshd]") {
  for (const auto kind : {ChildEnd::Kind::killed, ChildEnd::Kind::timed_out, ChildEnd::Kind::stopped,
                          ChildEnd::Kind::not_started}) {
    CHECK(outcome(kind, 65).kind() == Kind::retry);
  }
  CHECK(outcome(ChildEnd::Kind::timed_out, 0).kind() == Kind::retry);
}

TEST_CASE("what did not run because the node stops burns no attempt", "[evmeshd]") {
  CHECK(outcome(ChildEnd::Kind::stopped, 0).kind() == Kind::unknown_type);
}

TEST_CASE("the reason says how it ended and what it said last", "[evmeshd]") {
  CHECK(outcome(ChildEnd::Kind::exited, 75, "connection refused").reason() == "exit 75: connection refused");
  CHECK(outcome(ChildEnd::Kind::exited, 65, "no such user").reason() == "exit 65: no such user");
  CHECK(outcome(ChildEnd::Kind::exited, 3).reason() == "exit 3");
  CHECK(outcome(ChildEnd::Kind::killed, SIGSEGV).reason() == "killed by signal 11 (Segmentation fault)");
  CHECK(outcome(ChildEnd::Kind::timed_out, 0, "waiting for db").reason() ==
        "timed out after 90s: waiting for db");
  CHECK(outcome(ChildEnd::Kind::stopped, SIGTERM).reason() ==
        "ended by signal 15 (Terminated) because the node stops");
  CHECK(outcome(ChildEnd::Kind::not_started, ENOENT).reason() ==
        "cannot run \"/bin/index\": No such file or directory");
}
