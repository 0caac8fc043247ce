#include <atomic>
#include <csignal>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "maildir/fixtures/child.hpp"
#include "maildir/fixtures/fake_node.hpp"
#include "maildir/fixtures/ledger.hpp"
#include "maildir/fixtures/maildir.hpp"

using namespace evmesh::maildir::fixtures;
using namespace std::chrono_literals;

namespace {

/// Changes a Maildir by chance, the same way for the same seed.
class Hand {
 public:
  Hand(const Maildir& maildir, unsigned seed) : maildir_(maildir), chance_(seed) {}

  void change_something() {
    const auto messages = maildir_.messages();
    const unsigned what = chance_() % 8;
    if (messages.size() < 5 || what < 3) {
      maildir_.deliver(std::to_string(++delivered_) + ".message.host");
      return;
    }
    auto chosen = messages.begin();
    std::advance(chosen, chance_() % messages.size());
    const auto& [folder, base] = chosen->first;
    if (what < 5) {
      maildir_.flag(folder, base, flag_sets_[chance_() % flag_sets_.size()]);
    } else if (what < 7) {
      maildir_.move(folder, folder.empty() ? ".Archive" : "", base);
    } else {
      maildir_.expunge(folder, base);
    }
  }

 private:
  const Maildir& maildir_;
  std::mt19937 chance_;
  unsigned delivered_ = 0;
  std::vector<std::string> flag_sets_{"", "S", "FS", "RS", "ST", "D"};
};

}  // namespace

TEST_CASE("killed anywhere and started again, nothing is lost and no uid is wrong", "[maildir][crash]") {
  const TempDir dir;
  const Maildir alice(dir.path() / "mail/alice/Maildir");
  alice.make_folder(".Archive");
  Hand hand(alice, 20261122);
  std::mt19937 chance(7);
  std::atomic<pid_t> victim{0};
  std::atomic<int> before_answer{-1};  // requests until the program is killed; -1 never
  std::atomic<int> after_answer{-1};
  FakeNode node(
      dir.path() / "admin.sock",
      [&](const Request&) {
        if (before_answer >= 0 && before_answer-- == 0) kill(victim, SIGKILL);
        return Answer{};
      },
      [&] {
        if (after_answer >= 0 && after_answer-- == 0) kill(victim, SIGKILL);
      });
  const std::vector<std::string> arguments{
      "--root",   (dir.path() / "mail/%u/Maildir").native(), "--state-dir", "state",
      "--socket", (dir.path() / "admin.sock").native(),      "--once"};

  int killed = 0;
  for (int life = 0; life < 45; ++life) {
    for (int i = 0; i < 12; ++i) hand.change_something();
    before_answer = life % 3 == 0 ? 0 : -1;
    after_answer = life % 3 == 1 ? 0 : -1;
    Child child(dir.path(), arguments);
    victim = child.pid();
    // Anywhere at all: after a random time, in which the program may also have ended.
    if (life % 3 == 2 && !child.ended_within(std::chrono::microseconds(chance() % 60'000)))
      child.signal(SIGKILL);
    if (child.wait().code == 128 + SIGKILL) ++killed;
  }
  before_answer = after_answer = -1;
  const Ended last = run(dir.path(), arguments);

  CHECK(last.code == 0);
  CHECK(killed >= 20);
  Ledger ledger;
  for (const Request& request : node.requests()) ledger.take(request.body);
  CHECK(ledger.contradictions() == std::vector<std::string>{});
  CHECK(ledger.messages() == alice.messages());
  CHECK(ledger.repeated() > 0);
}
