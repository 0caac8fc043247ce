#include "common/repeated_fault.hpp"

#include <vector>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace std::chrono_literals;
using peers::RepeatedFault;

namespace {

const base::MonoTime start{1h};

}  // namespace

TEST_CASE("a fault is logged when it begins, every 10 s, and when it is over", "[peers][fault]") {
  std::vector<LogRecord> records;
  RepeatedFault fault([&](const LogRecord& record) { records.push_back(record); }, "node_gone");

  fault.failed(start, "why");
  fault.failed(start + 9s, "why");
  CHECK(records.size() == 1);
  fault.failed(start + 10s, "why");
  CHECK(records.size() == 2);
  CHECK(fault.since(start + 11s) == 11s);
  fault.passed(start + 12s);

  REQUIRE(records.size() == 3);
  CHECK(records[1].fields[0].second == "3");
  CHECK(records[2].message == "node_gone_over");
  CHECK_FALSE(fault.lasting());
  CHECK(fault.since(start + 12s) == 0s);
}

TEST_CASE("a fault that changes is logged again", "[peers][fault]") {
  std::vector<LogRecord> records;
  RepeatedFault fault([&](const LogRecord& record) { records.push_back(record); }, "node_gone");

  fault.failed(start, "refused");
  fault.failed(start, "full");

  CHECK(records.size() == 2);
}

TEST_CASE("no fault is never over", "[peers][fault]") {
  std::vector<LogRecord> records;
  RepeatedFault fault([&](const LogRecord& record) { records.push_back(record); }, "node_gone");

  fault.passed(start);

  CHECK(records.empty());
}
