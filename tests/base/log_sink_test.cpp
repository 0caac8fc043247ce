#include "base/log_sink.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

using namespace evmesh;

TEST_CASE("a record reaches the sink as it was given", "[base][log]") {
  std::vector<LogRecord> seen;
  const LogSink sink = [&](const LogRecord& record) { seen.push_back(record); };

  base::log(sink, LogLevel::warning, "delivery_failed", {{"event_id", "42"}});

  REQUIRE(seen.size() == 1);
  CHECK(seen[0] == LogRecord{LogLevel::warning, "delivery_failed", {{"event_id", "42"}}});
}

TEST_CASE("an empty sink is silence", "[base][log]") {
  CHECK_NOTHROW(base::log({}, LogLevel::error, "nobody_listens"));
  CHECK_FALSE(base::one_at_a_time({}));
}

TEST_CASE("what a sink throws does not reach the caller", "[base][log]") {
  const LogSink sink = [](const LogRecord&) { throw std::runtime_error("disk full"); };

  CHECK_NOTHROW(base::log(sink, LogLevel::error, "anything"));
}

TEST_CASE("a sink behind one_at_a_time never sees two records at once", "[base][log]") {
  std::atomic<int> inside = 0;
  std::atomic<bool> overlapped = false;
  int calls = 0;  // plain: a race here is what ThreadSanitizer would report
  const LogSink sink = base::one_at_a_time([&](const LogRecord&) {
    if (++inside > 1) overlapped = true;
    ++calls;
    --inside;
  });

  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, copy = sink] {
      for (int i = 0; i < 1000; ++i) base::log(copy, LogLevel::info, "tick");
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(calls == 4000);
  CHECK_FALSE(overlapped);
}

TEST_CASE("logfmt keeps the order of the fields and quotes only where needed", "[base][log]") {
  const LogRecord record{
      LogLevel::warning,
      "delivery_failed",
      {{"event_id", "0b8f"}, {"key", "MailboxId:a b"}, {"error", ""}, {"why", "x=\"1\"\n"}}};

  CHECK(base::format_logfmt(record) ==
        R"(level=warning msg=delivery_failed event_id=0b8f key="MailboxId:a b" error="" why="x=\"1\"\n")");
}

TEST_CASE("a line break or an escape sequence in a value cannot forge a log line", "[base][log]") {
  const LogRecord record{LogLevel::info, "joined", {{"name", "a\nlevel=error msg=fake\x1b[2J\xff"}}};

  CHECK(base::format_logfmt(record) == R"(level=info msg=joined name="a\nlevel=error msg=fake\x1b[2J\xff")");
}

TEST_CASE("every level has a name", "[base][log]") {
  CHECK(to_string(LogLevel::debug) == "debug");
  CHECK(to_string(LogLevel::info) == "info");
  CHECK(to_string(LogLevel::warning) == "warning");
  CHECK(to_string(LogLevel::error) == "error");
}
