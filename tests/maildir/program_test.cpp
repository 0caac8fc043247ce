#include <csignal>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "maildir/fixtures/child.hpp"
#include "maildir/fixtures/fake_node.hpp"
#include "maildir/fixtures/ledger.hpp"
#include "maildir/fixtures/maildir.hpp"
#include "support/skip.hpp"

using namespace evmesh::maildir::fixtures;
using Catch::Matchers::Contains;
using namespace std::chrono_literals;

namespace {

/// A directory with mail/alice/Maildir, a place for state and one for the node's socket.
struct World {
  TempDir dir;
  Maildir alice{dir.path() / "mail/alice/Maildir"};
  std::string root = (dir.path() / "mail/%u/Maildir").native();
  std::string state = (dir.path() / "state").native();
  std::string socket = (dir.path() / "admin.sock").native();

  Ended print() const { return run(dir.path(), {"--root", root, "--state-dir", state, "--print", "--once"}); }
  Ended dispatch() const {
    return run(dir.path(),
               {"--root", root, "--state-dir", state, "--socket", socket, "--once", "--give-up", "1ms"});
  }
};

Ledger fold(const std::string& lines) {
  Ledger ledger;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) ledger.take(line);
  return ledger;
}

Ledger fold(const std::vector<Request>& requests) {
  Ledger ledger;
  for (const Request& request : requests) ledger.take(request.body);
  return ledger;
}

Answer accept(const Request&) { return {}; }

std::size_t count(const Ledger& ledger, const std::string& type) {
  const auto found = ledger.counts().find(type);
  return found == ledger.counts().end() ? 0 : found->second;
}

}  // namespace

TEST_CASE("--print --once writes what is there and ends", "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  world.alice.make_folder(".Work");
  world.alice.append(".Work", "2.b.host", "FS");

  const Ended ended = world.print();

  CHECK(ended.code == 0);
  const Ledger ledger = fold(ended.out);
  CHECK(ledger.contradictions().empty());
  CHECK(ledger.messages() == world.alice.messages());
  CHECK(count(ledger, "MailboxAdded") == 2);
  CHECK(count(ledger, "Added") == 2);
}

TEST_CASE("a second run tells only what has changed", "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  world.alice.deliver("2.b.host");
  const std::string first = world.print().out;
  world.alice.flag("", "1.a.host", "S");
  world.alice.expunge("", "2.b.host");

  const std::string second = world.print().out;
  const std::string third = world.print().out;

  const Ledger ledger = fold(first + second);
  CHECK(ledger.contradictions().empty());
  CHECK(ledger.messages() == world.alice.messages());
  CHECK(count(ledger, "FlagsUpdated") == 1);
  CHECK(count(ledger, "Expunged") == 1);
  CHECK(third.empty());
}

TEST_CASE("a moved message is told as one batch of three events", "[maildir][program]") {
  const World world;
  world.alice.make_folder(".Archive");
  world.alice.append("", "1.a.host", "S");
  FakeNode node(world.socket, accept);
  REQUIRE(world.dispatch().code == 0);
  world.alice.move("", ".Archive", "1.a.host");

  REQUIRE(world.dispatch().code == 0);

  const auto requests = node.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[1].line == "POST /api/v1/events?bus=events HTTP/1.1");
  const Ledger moved = fold(requests);
  CHECK(moved.contradictions().empty());
  CHECK(moved.messages() == world.alice.messages());
  CHECK(count(moved, "MessageMoveEvent") == 1);
  CHECK_THAT(requests[1].body, Contains("movedFromMailboxId") && Contains("movedToMailboxId"));
}

TEST_CASE("a renamed folder keeps its mailbox id, its messages and their uids", "[maildir][program]") {
  const World world;
  world.alice.make_folder(".Work");
  world.alice.append(".Work", "1.a.host", "S");
  const std::string first = world.print().out;
  world.alice.rename_folder(".Work", ".Play");

  const std::string second = world.print().out;

  const Ledger ledger = fold(first + second);
  CHECK(ledger.messages() == world.alice.messages());
  CHECK(count(ledger, "MailboxRenamed") == 1);
  CHECK(count(ledger, "MailboxAdded") == 2);
  CHECK(count(ledger, "Added") == 1);
}

TEST_CASE("a deleted folder is told with what was in it", "[maildir][program]") {
  const World world;
  world.alice.make_folder(".Work");
  world.alice.append(".Work", "1.a.host", "S", "1234567");
  (void)world.print();
  world.alice.remove_folder(".Work");

  const Ended ended = world.print();

  CHECK_THAT(ended.out, Contains("\"MailboxDeletion\"") && Contains("\"quotaRoot\":\"#private&alice\"") &&
                            Contains("\"deletedMessageCount\":1") && Contains("\"totalDeletedSize\":7"));
}

TEST_CASE("nothing in a Maildir is ever written", "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  world.alice.append("", "2.b.host", "S");
  const std::string before = fingerprint(world.dir.path() / "mail");

  REQUIRE(world.print().code == 0);

  CHECK(fingerprint(world.dir.path() / "mail") == before);
}

TEST_CASE("a node that cannot be reached loses nothing", "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");

  const Ended without_node = world.dispatch();
  FakeNode node(world.socket, accept);
  const Ended with_node = world.dispatch();

  CHECK(without_node.code == 69);
  CHECK_THAT(without_node.err, Contains("cannot be reached") && Contains("admin.sock"));
  CHECK(with_node.code == 0);
  CHECK(fold(node.requests()).messages() == world.alice.messages());
}

TEST_CASE("a busy node is asked again with the same bytes until it takes them", "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  int asked = 0;
  FakeNode node(world.socket, [&](const Request&) {
    ++asked;
    if (asked == 1)
      return Answer{429, R"({"error":{"code":"back_pressure","message":"full","hint":"wait"}})"};
    if (asked == 2) return Answer{507, R"({"error":{"code":"storage","message":"disk full","hint":""}})"};
    if (asked == 3) return Answer{0, ""};
    return Answer{};
  });

  const Ended ended = run(world.dir.path(), {"--root", world.root, "--state-dir", world.state, "--once"},
                          {"EVMESH_SERVER=unix:" + world.socket});

  CHECK(ended.code == 0);
  const auto requests = node.requests();
  REQUIRE(requests.size() == 4);
  CHECK(requests[0].body == requests[3].body);
  CHECK_THAT(ended.err, Contains("msg=node_unavailable") && Contains("msg=node_unavailable_over"));
}

TEST_CASE("an answer that is for ever ends the program with its words", "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  const auto [status, code] =
      GENERATE(std::pair(400, 65), std::pair(404, 65), std::pair(401, 77), std::pair(403, 77));
  FakeNode node(world.socket, [status = status](const Request&) {
    return Answer{status, R"({"error":{"code":"some_code","message":"the reason","hint":"the cure"}})"};
  });

  const Ended ended = world.dispatch();

  CHECK(ended.code == code);
  CHECK_THAT(ended.err, Contains("some_code: the reason; the cure"));
}

TEST_CASE("a running program tells changes, new folders and new users as they come", "[maildir][program]") {
  const World world;
  FakeNode node(world.socket, accept);
  Child child(world.dir.path(), {"--root", world.root, "--state-dir", world.state, "--socket", world.socket});
  const auto told = [&](const auto& messages) {
    return node.wait_for([&](const auto& requests) { return fold(requests).messages() == messages(); }, 20s);
  };
  REQUIRE(node.wait_for([](const auto& requests) { return !requests.empty(); }, 20s));

  world.alice.deliver("1.a.host");
  REQUIRE(told([&] { return world.alice.messages(); }));
  world.alice.make_folder(".Work");
  world.alice.move("", ".Work", "1.a.host");
  REQUIRE(told([&] { return world.alice.messages(); }));
  world.alice.expunge(".Work", "1.a.host");
  const Maildir bob(world.dir.path() / "mail/bob/Maildir");
  bob.append("", "2.b.host", "S");
  REQUIRE(told([&] { return bob.messages(); }));
  child.signal(SIGTERM);
  const Ended ended = child.wait();

  CHECK(ended.code == 0);
  CHECK(fold(node.requests()).contradictions().empty());
  CHECK_THAT(ended.err, Contains("msg=stopped"));
}

TEST_CASE("a user whose mail is gone is told, and forgotten", "[maildir][program]") {
  const World world;
  const Maildir bob(world.dir.path() / "mail/bob/Maildir");
  (void)world.print();
  std::filesystem::remove_all(world.dir.path() / "mail/bob");

  const Ended ended = world.print();

  CHECK_THAT(ended.out, Contains("\"MailboxDeletion\"") && Contains("#private&bob"));
  CHECK_FALSE(std::filesystem::exists(std::filesystem::path(world.state) / "bob.state"));
}

TEST_CASE("a mount point without its file system is no mail that was deleted", "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  (void)world.print();
  std::filesystem::rename(world.dir.path() / "mail/alice", world.dir.path() / "elsewhere");

  const Ended ended = world.print();

  CHECK(ended.out.empty());
  CHECK(ended.code == 65);
  CHECK_THAT(ended.err, Contains("msg=maildir_unreadable") && Contains("mounted"));
}

TEST_CASE("wrong flags are refused with what was probably meant", "[maildir][program]") {
  const World world;

  const Ended ended = run(world.dir.path(), {"--rot", world.root});

  CHECK(ended.code == 64);
  CHECK_THAT(ended.err, Contains("\"--rot\"") && Contains("--root"));
}

TEST_CASE("a root that matches nothing is named", "[maildir][program]") {
  const World world;
  const std::string nowhere = (world.dir.path() / "empty/%u").native();
  std::filesystem::create_directories(world.dir.path() / "empty/x");

  const Ended matched_nothing =
      run(world.dir.path(), {"--root", nowhere, "--state-dir", world.state, "--print", "--once"});
  const Ended missing =
      run(world.dir.path(), {"--root", "missing/%u", "--state-dir", world.state, "--print"});

  CHECK(matched_nothing.code == 65);
  CHECK_THAT(matched_nothing.err, Contains(nowhere));
  CHECK(missing.code == 65);
  CHECK_THAT(missing.err, Contains("missing/%u") && Contains("No such file"));
}

TEST_CASE("a damaged state is refused naming the file and the cure, and the cure works",
          "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  (void)world.print();
  const std::string file = world.state + "/alice.state";
  std::fstream(file, std::ios::in | std::ios::out).seekp(30).put('~');

  const Ended refused = world.print();
  const Ended cured = run(world.dir.path(), {"--root", world.root, "--state-dir", world.state, "--print",
                                             "--once", "--reset", "alice"});

  CHECK(refused.code == 65);
  CHECK(refused.out.empty());
  CHECK_THAT(refused.err, Contains(file) && Contains("--reset alice"));
  CHECK(cured.code == 0);
  CHECK(fold(cured.out).messages() == world.alice.messages());
}

TEST_CASE("a state directory in use is refused naming the process", "[maildir][program]") {
  const World world;
  FakeNode node(world.socket, accept);
  const Child running(world.dir.path(),
                      {"--root", world.root, "--state-dir", world.state, "--socket", world.socket});
  REQUIRE(node.wait_for([](const auto& requests) { return !requests.empty(); }, 20s));

  const Ended second = world.print();

  CHECK(second.code == 73);
  CHECK_THAT(second.err, Contains("process " + std::to_string(running.pid())));
}

TEST_CASE("names that cannot stand in an event are left out and counted", "[maildir][program]") {
  const World world;
  world.alice.make_folder(".bad&name");
  world.alice.make_folder(".not\xff utf8");
  world.alice.make_folder(".Caf&AOk-");
  world.alice.append("", "bad\xff.name", "S");

  const Ended ended = world.print();

  CHECK(ended.code == 0);
  CHECK_THAT(ended.out, Contains("Caf\xc3\xa9") && !Contains("bad&name") && !Contains(".name"));
  CHECK_THAT(ended.err, Contains("msg=name_left_out") && Contains("names_left_out=3"));
}

TEST_CASE("a folder that cannot be read is not taken for an empty one", "[maildir][program]") {
  const World world;
  world.alice.make_folder(".Work");
  world.alice.append(".Work", "1.a.host", "S");
  (void)world.print();
  // Not a permission, because the superuser reads everything: a link to itself cannot be opened by anybody.
  std::filesystem::rename(world.alice.folder(".Work/cur"), world.alice.folder(".Work/hidden"));
  std::filesystem::create_directory_symlink("cur", world.alice.folder(".Work/cur"));

  const Ended hidden = world.print();
  std::filesystem::remove(world.alice.folder(".Work/cur"));
  std::filesystem::rename(world.alice.folder(".Work/hidden"), world.alice.folder(".Work/cur"));
  const Ended back = world.print();

  CHECK(hidden.code == 0);
  CHECK(hidden.out.empty());
  CHECK_THAT(hidden.err, Contains("msg=folder_unreadable") && Contains(".Work"));
  CHECK(back.out.empty());
}

TEST_CASE("a full disk loses nothing", "[maildir][program]") {
  const World world;
  std::filesystem::create_directories(world.state);
  if (mount("tmpfs", world.state.c_str(), "tmpfs", 0, "size=64k") != 0)
    EVMESH_SKIP("mounting a small tmpfs needs root");
  struct Unmount {
    std::string directory;
    ~Unmount() { umount(directory.c_str()); }
  } const unmount{world.state};
  world.alice.deliver("1.a.host");
  const std::string first = world.print().out;
  {
    std::ofstream filler(world.state + "/filler", std::ios::binary);
    const std::string page(4096, 'x');
    while (filler.write(page.data(), 4096).flush()) continue;
  }
  for (int i = 0; i < 200; ++i) world.alice.deliver("later." + std::to_string(i) + ".host");

  const Ended full = world.print();
  std::filesystem::remove(world.state + "/filler");
  const Ended after = world.print();

  CHECK(full.code == 74);
  CHECK(full.out.empty());
  CHECK_THAT(full.err, Contains("No space left") && Contains("alice.state") && Contains("make room"));
  CHECK(after.code == 0);
  const Ledger ledger = fold(first + after.out);
  CHECK(ledger.contradictions().empty());
  CHECK(ledger.messages() == world.alice.messages());
}

TEST_CASE("standard output that is closed is an input/output error, and the events are told again",
          "[maildir][program]") {
  const World world;
  world.alice.deliver("1.a.host");
  std::filesystem::create_symlink("/dev/full", world.dir.path() / "stdout");

  const Ended refused = world.print();
  std::filesystem::remove(world.dir.path() / "stdout");
  const Ended again = world.print();

  CHECK(refused.code == 74);
  CHECK_THAT(refused.err, Contains("standard output"));
  CHECK(fold(again.out).messages() == world.alice.messages());
}
