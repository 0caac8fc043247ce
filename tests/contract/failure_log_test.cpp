// What the library says of a listener that failed.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

std::vector<LogRecord> failures(const auto& cluster) {
  std::vector<LogRecord> found = cluster.log().records();
  std::erase_if(found, [](const LogRecord& record) { return record.message != "delivery_failed"; });
  return found;
}

bool has(const LogRecord& record, const std::string& name, const std::string& value) {
  return std::find(record.fields.begin(), record.fields.end(), std::pair(name, value)) != record.fields.end();
}

Recorder::Traits named(std::string name) {
  Recorder::Traits traits;
  traits.name = std::move(name);
  return traits;
}

}  // namespace

EVMESH_CONTRACT("a key listener's failure is logged once with event, type, user, listener and key",
                "[errors][forgotten]") {
  TestType cluster;
  const auto failing = recorder_that(always_throw("no route to mailbox"), named("imap-idle"));
  const auto registration = must(cluster.bus().register_listener(failing, k1()));
  const Event event = sample();

  must(cluster.bus().dispatch(event, k1()));

  must(cluster.bus().drain(patience));
  const auto records = failures(cluster);
  REQUIRE(records.size() == 1);
  CHECK(has(records[0], "event_id", event.id().to_string()));
  CHECK(has(records[0], "type", "Sample"));
  CHECK(has(records[0], "user", "user"));
  CHECK(has(records[0], "listener", "imap-idle"));
  CHECK(has(records[0], "key", "MailboxId:1"));
  CHECK(has(records[0], "error", "no route to mailbox"));
}

EVMESH_CONTRACT("every failed attempt of a group listener is logged with the group", "[errors][forgotten]") {
  TestType cluster;
  const auto failing = recorder_that(throw_first(2), named("indexer"));
  const auto registration = must(cluster.bus().register_listener(failing, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(failing->wait_completed(1));
  must(cluster.bus().drain(patience));
  const auto records = failures(cluster);
  REQUIRE(records.size() == 2);
  CHECK(has(records[0], "listener", "indexer"));
  CHECK(has(records[0], "group", "org.example.GroupA"));
}

EVMESH_CONTRACT("a listener that succeeds is not worth a line", "[errors][forgotten]") {
  TestType cluster;
  const auto registration = must(cluster.bus().register_listener(recorder(), k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  must(cluster.bus().drain(patience));
  CHECK(failures(cluster).empty());
}

}  // namespace evmesh::contract
