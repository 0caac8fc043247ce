#include <csignal>
#include <random>
#include <string>

#include <catch2/catch.hpp>

#include "maildir/fixtures/child.hpp"
#include "maildir/fixtures/fake_node.hpp"
#include "maildir/fixtures/ledger.hpp"
#include "maildir/fixtures/maildir.hpp"

using namespace evmesh::maildir::fixtures;
using namespace std::chrono_literals;

namespace {

constexpr int messages_delivered = 2'000;

std::string name_of(int i) { return "storm." + std::to_string(i) + ".host"; }

/// Delivers fast, while another hand flags, moves and expunges what has come.
void rage(const Maildir& maildir) {
  std::mt19937 chance(42);
  for (int i = 0; i < messages_delivered; ++i) {
    maildir.deliver(name_of(i));
    if (i < 20) continue;
    const std::string older = name_of(i - 20);
    const unsigned what = chance() % 10;
    if (what < 5) maildir.flag("", older, what % 2 == 0 ? "S" : "FS");
    if (what == 3 || what == 6 || what == 7) maildir.move("", ".Archive", older);
    if (what == 6) maildir.flag(".Archive", older, "RS");
    if (what == 8) maildir.expunge("", older);
  }
}

}  // namespace

TEST_CASE("2,000 messages in a storm of changes end as the events tell", "[maildir][storm]") {
  const TempDir dir;
  const Maildir alice(dir.path() / "mail/alice/Maildir");
  alice.make_folder(".Archive");
  Ledger ledger;
  std::size_t taken = 0;
  FakeNode node(dir.path() / "admin.sock", [](const Request&) { return Answer{}; });
  Child child(dir.path(), {"--root", (dir.path() / "mail/%u/Maildir").native(), "--state-dir", "state",
                           "--socket", (dir.path() / "admin.sock").native()});
  REQUIRE(node.wait_for([](const auto& requests) { return !requests.empty(); }, 20s));

  rage(alice);

  const auto expected = alice.messages();
  const bool same = node.wait_for(
      [&](const auto& requests) {
        for (; taken < requests.size(); ++taken) ledger.take(requests[taken].body);
        return ledger.messages() == expected;
      },
      120s);
  child.signal(SIGTERM);
  const Ended ended = child.wait();
  CHECK(same);
  CHECK(ended.code == 0);
  CHECK(ledger.contradictions() == std::vector<std::string>{});
  CHECK(ledger.repeated() == 0);
  CHECK(ledger.counts().at("MessageMoveEvent") > 0);
}
