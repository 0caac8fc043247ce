#include "evmeshd/listeners/file_listener.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

using namespace evmesh;
using daemon::FileListener;
using Kind = Outcome::Kind;

namespace {

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

Event event(const std::string& payload) {
  return Event({.id = EventId::parse("0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01").value(),
                .type = "t",
                .user = "bob",
                .time = Timestamp(std::chrono::microseconds{1}),
                .payload = payload});
}

Outcome append(FileListener& listener, const std::string& payload) {
  const Event one = event(payload);
  const Group group = Group::parse("g").value();
  Delivery delivery{.event = one};
  delivery.group = &group;
  return listener.handle(delivery);
}

/// No file of this process grows beyond `bytes` meanwhile.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit low{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &low);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

const std::string line_a =
    R"({"id":"0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01","type":"t","user":"bob","time":)"
    R"("1970-01-01T00:00:00.000001Z","headers":{},"text":"a","bus":"events"})"
    "\n";

}  // namespace

TEST_CASE("each event becomes one line of JSON, behind what the file holds", "[evmeshd]") {
  const support::TempDir place;
  const auto file = place.path() / "f";
  std::ofstream(file) << "before\n";
  FileListener listener(file, "events");

  CHECK(append(listener, "a").kind() == Kind::done);
  CHECK(append(listener, "a").kind() == Kind::done);

  CHECK(content(file) == "before\n" + line_a + line_a);
}

TEST_CASE("a missing file is made for its owner only, and made again when it was moved away", "[evmeshd]") {
  const support::TempDir place;
  const auto file = place.path() / "f";
  FileListener listener(file, "events");

  CHECK(append(listener, "a").kind() == Kind::done);
  std::filesystem::rename(file, place.path() / "f.1");
  CHECK(append(listener, "a").kind() == Kind::done);

  CHECK(content(file) == line_a);
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a line that does not fit is taken back whole, and the attempt fails with the reason",
          "[evmeshd]") {
  const support::TempDir place;
  const auto file = place.path() / "f";
  FileListener listener(file, "events");
  REQUIRE(append(listener, "a").kind() == Kind::done);

  const Outcome refused = [&] {
    const FileSizeLimit limit(line_a.size() + 10);
    return append(listener, "a");
  }();
  const std::string after_refusal = content(file);
  const Outcome again = append(listener, "a");

  CHECK(refused.kind() == Kind::retry);
  CHECK(refused.reason().find("File too large") != std::string::npos);
  CHECK(refused.reason().find(file.native()) != std::string::npos);
  CHECK(after_refusal == line_a);
  CHECK(again.kind() == Kind::done);
  CHECK(content(file) == line_a + line_a);
}

TEST_CASE("a full disk and a file that cannot be opened fail the attempt with the reason", "[evmeshd]") {
  FileListener full("/dev/full", "events");
  FileListener absent("/absent/f", "events");

  CHECK(append(full, "a").reason() ==
        R"(cannot append to "/dev/full": No space left on device; make room on that file system)");
  CHECK(append(absent, "a").kind() == Kind::retry);
}

TEST_CASE("a pipe that nobody reads fails the attempt instead of keeping it", "[evmeshd]") {
  const support::TempDir place;
  const auto pipe = place.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  FileListener listener(pipe, "events");

  CHECK(append(listener, "a").kind() == Kind::retry);
}

TEST_CASE("lines of many threads do not mix", "[evmeshd]") {
  const support::TempDir place;
  const auto file = place.path() / "f";
  FileListener listener(file, "events");
  const std::string long_text(20'000, 'x');

  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      const Event one = event(long_text);
      for (int round = 0; round < 50; ++round) static_cast<void>(listener.handle({.event = one}));
    });
  }
  for (auto& thread : threads) thread.join();

  std::istringstream lines(content(file));
  int whole = 0;
  for (std::string line; std::getline(lines, line);)
    whole += line.size() == line_a.size() - 1 - 1 + long_text.size();
  CHECK(whole == 200);
}
