#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "storage/identity.hpp"
#include "support/temp_dir.hpp"

using namespace evmesh;
using namespace std::chrono_literals;
using storage::Identity;

namespace {

struct Fixture {
  support::TempDir dir;
  base::ManualClock clock;
  base::SeededRandom random{7};

  Result<std::unique_ptr<Identity>> open() { return Identity::open(dir.path() / "node", clock, random); }
};

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path, std::ios::trunc) << text; }

}  // namespace

TEST_CASE_METHOD(Fixture, "a new directory gets an id that every later life keeps", "[storage]") {
  const NodeId first = open().value()->id();

  const NodeId second = open().value()->id();

  CHECK_FALSE(first.nil());
  CHECK(second == first);
}

TEST_CASE_METHOD(Fixture, "every life has a higher epoch, even within one millisecond", "[storage]") {
  const std::uint64_t first = open().value()->epoch();

  const std::uint64_t second = open().value()->epoch();

  CHECK(first == 1'767'225'600'000);
  CHECK(second == first + 1);
}

TEST_CASE_METHOD(Fixture, "a wall clock that went back does not bring an old epoch", "[storage]") {
  const std::uint64_t first = open().value()->epoch();
  clock.set_wall(clock.wall() - 24h);

  const std::uint64_t second = open().value()->epoch();

  CHECK(second == first + 1);
}

TEST_CASE_METHOD(Fixture, "a raised epoch is kept", "[storage]") {
  std::uint64_t raised = 0;
  {
    const auto identity = open().value();
    raised = identity->epoch() + 1000;
    REQUIRE(identity->raise_epoch(raised));
    CHECK_FALSE(identity->raise_epoch(raised));
  }

  CHECK(open().value()->epoch() == raised + 1);
}

TEST_CASE_METHOD(Fixture, "a directory in use is refused with the holder's pid", "[storage]") {
  const auto holder = open().value();

  const auto second = open();

  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::storage);
  CHECK_THAT(second.error().message, Catch::Contains(std::to_string(::getpid())));
}

TEST_CASE_METHOD(Fixture, "one flipped bit anywhere in the file is found", "[storage]") {
  REQUIRE(open());
  const auto path = dir.path() / "node" / "identity";
  const std::string good = read(path);

  std::size_t accepted = 0;
  for (std::size_t byte = 0; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ 1);
    write(path, bad);
    accepted += open() ? 1 : 0;
  }

  CHECK(good.size() > 60);
  CHECK(accepted == 0);
}

TEST_CASE_METHOD(Fixture, "a file cut short anywhere is found", "[storage]") {
  REQUIRE(open());
  const auto path = dir.path() / "node" / "identity";
  const std::string good = read(path);

  std::size_t accepted = 0;
  for (std::size_t length = 0; length < good.size(); ++length) {
    write(path, good.substr(0, length));
    accepted += open() ? 1 : 0;
  }

  CHECK(accepted == 0);
}

TEST_CASE_METHOD(Fixture, "an identity is read beside the node that has it, and nothing is made",
                 "[storage]") {
  CHECK(Identity::read(dir.path() / "node").value() == std::nullopt);
  CHECK_FALSE(std::filesystem::exists(dir.path() / "node"));
  const auto running = open();
  REQUIRE(running);

  CHECK(Identity::read(dir.path() / "node").value() == (*running)->id());
  write(dir.path() / "node" / "identity", "evmesh-identity 1\n");
  CHECK(Identity::read(dir.path() / "node").error().code == ErrorCode::storage);
}

TEST_CASE_METHOD(Fixture, "a path that is a file is refused by name", "[storage]") {
  write(dir.path() / "node", "in the way");

  const auto refused = open();

  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Catch::Contains((dir.path() / "node").string()));
}

TEST_CASE_METHOD(Fixture, "a transient identity is new each time", "[storage]") {
  const auto first = Identity::transient(clock, random);
  const auto second = Identity::transient(clock, random);

  CHECK(first->id() != second->id());
  CHECK(first->epoch() == 1'767'225'600'000);
}
