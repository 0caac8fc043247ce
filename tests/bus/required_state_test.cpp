#include "bus/required_state.hpp"

#include <chrono>

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::bus;
using namespace std::chrono_literals;

namespace {

NodeId writer() {
  NodeId id;
  id.bytes.fill(7);
  return id;
}

wire::GroupEntry plain() {
  wire::GroupEntry entry;
  entry.bus = "events";
  entry.group = "billing";
  entry.writer = writer();
  return entry;
}

wire::GroupEntry special() {
  wire::GroupEntry entry = plain();
  entry.paused = true;
  entry.pause_reason = "moving \"it\"";
  entry.critical = false;
  entry.version = 41;
  entry.writer.bytes.fill(9);
  entry.retry = {3, 250ms, 4s, 0.3};
  entry.backlog_max = 17;
  entry.backlog_bytes_max = 2'000'000;
  entry.refuse_at_backlog = true;
  return entry;
}

}  // namespace

TEST_CASE("what is required of a group is read as it was written", "[bus][required_state]") {
  wire::GroupEntry removed = special();
  removed.present = false;

  for (const wire::GroupEntry& entry : {plain(), special(), removed}) {
    CHECK(read_required(required_name(entry), required_document(entry), writer()) == entry);
  }
}

TEST_CASE("a document of a node that kept no policies is the first version of a group", "[bus][required_state]") {
  wire::GroupEntry late = plain();
  late.critical = false;
  late.paused = true;
  late.pause_reason = "moving";

  CHECK(read_required("events/billing", R"({"critical":true})", writer()) == plain());
  CHECK(read_required("events/billing", R"({"critical":false,"paused":["moving"]})", writer()) == late);
}

TEST_CASE("a document that cannot be read is a group with nothing special", "[bus][required_state]") {
  for (const char* document :
       {"", "nonsense", R"({"critical":false,"paused":["x"],"more":1})", R"({"critical":true,"paused":7})",
        R"({"critical":true,"version":2,"writer":"x"})",
        R"({"critical":true,"version":2,"present":true,"jitter":7,"backlog_max":1,"backlog_bytes_max":1048576})"}) {
    INFO(document);
    CHECK(read_required("events/billing", document, writer()) == plain());
  }
}

TEST_CASE("a document whose name names no group is none", "[bus][required_state]") {
  CHECK_FALSE(read_required("billing", required_document(plain()), writer()));
  CHECK_FALSE(read_required("events/", required_document(plain()), writer()));
  CHECK_FALSE(read_required("a b/billing", required_document(plain()), writer()));
}

TEST_CASE("what a bus asks of a group comes from its entry", "[bus][required_state]") {
  CHECK(state_of(plain()) == RequiredState{});
  CHECK(state_of(special()) == RequiredState{.critical = false, .paused = "moving \"it\""});
  CHECK(policy_of(special()) == work::Policy{{3, 250ms, 4s, 0.3}, 17, 2'000'000, true});
}
