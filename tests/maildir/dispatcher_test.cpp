#include "evmesh-maildir/dispatcher.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include "common/files.hpp"
#include "maildir/fixtures/fake_node.hpp"
#include "maildir/fixtures/maildir.hpp"

using namespace evmesh::maildir;
using evmesh::peers::ExitCode;
using evmesh::peers::HttpResponse;
using evmesh::peers::ServerAddress;

namespace {

const Batch two_events{
    .number = 1,
    .events = {{R"({"Added":{}})", {"User:a", "MailboxPath:a/\"x\""}}, {R"({"Expunged":{}})", {}}},
    .changes = {}};

}  // namespace

TEST_CASE("a request holds events and keys in order", "[maildir][dispatch]") {
  CHECK(
      request_body(two_events) ==
      R"([{"event":{"Added":{}},"keys":["User:a","MailboxPath:a/\"x\""]},{"event":{"Expunged":{}},"keys":[]}])");
}

TEST_CASE("2xx is the receipt, what passes is waited for, and the rest is for ever", "[maildir][dispatch]") {
  const auto server = ServerAddress::parse("unix:/x/admin.sock").value();
  const auto where = [&](int status) { return judge(HttpResponse{status, ""}, server).error().where; };

  CHECK(judge(HttpResponse{202, ""}, server));
  for (const int status : {408, 425, 429, 500, 503, 507}) CHECK(where(status) == Trouble::Where::node);
  for (const int status : {300, 400, 401, 403, 404, 413, 415})
    CHECK(where(status) == Trouble::Where::refused);
}

TEST_CASE("a refusal names the server, the status, the reason and the hint", "[maildir][dispatch]") {
  const auto server = ServerAddress::parse("unix:/x/admin.sock").value();
  const HttpResponse response{
      404, R"({"error":{"code":"unknown_bus","message":"no bus \"x\"","hint":"buses: events"}})"};

  const auto trouble = judge(response, server).error();

  CHECK(trouble.failure.code == ExitCode::data);
  CHECK(trouble.failure.message ==
        "the node at unix:/x/admin.sock answered 404: unknown_bus: no bus \"x\"; buses: events");
}

TEST_CASE("a node that is not there passes, and says what to look at", "[maildir][dispatch]") {
  NodeDispatcher dispatcher(
      {.server = ServerAddress::parse("/nonexistent/admin.sock").value(), .bus = "events", .cancelled = {}});

  const auto told = dispatcher.dispatch(two_events);

  CHECK(told.error().where == Trouble::Where::node);
  CHECK(told.error().failure.code == ExitCode::unavailable);
  CHECK(told.error().failure.message.find("/nonexistent/admin.sock") != std::string::npos);
}

TEST_CASE("a dispatch posts to the bus", "[maildir][dispatch]") {
  const fixtures::TempDir dir;
  fixtures::FakeNode node(dir.path() / "s", [](const auto&) { return fixtures::Answer{}; });
  NodeDispatcher dispatcher(
      {.server = ServerAddress::parse((dir.path() / "s").native()).value(), .bus = "mail", .cancelled = {}});

  REQUIRE(dispatcher.dispatch(two_events));

  REQUIRE(node.wait_for([](const auto& requests) { return requests.size() == 1; }, std::chrono::seconds{10}));
  CHECK(node.requests()[0].line == "POST /api/v1/events?bus=mail HTTP/1.1");
  CHECK(node.requests()[0].body == request_body(two_events));
}

TEST_CASE("printing writes one line per event, with its keys", "[maildir][dispatch]") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const evmesh::peers::Fd out(ends[0]);
  const evmesh::peers::Fd in(ends[1]);
  PrintDispatcher dispatcher(in.get());

  REQUIRE(dispatcher.dispatch(two_events));

  char text[200] = {};
  REQUIRE(read(out.get(), text, sizeof text - 1) > 0);
  CHECK(std::string(text) == R"({"event":{"Added":{}},"keys":["User:a","MailboxPath:a/\"x\""]})" "\n"
                             R"({"event":{"Expunged":{}},"keys":[]})" "\n");
}
