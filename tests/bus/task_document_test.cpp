#include "bus/task_document.hpp"

#include <catch2/catch.hpp>

using namespace evmesh;
using namespace evmesh::bus;

namespace {

Timestamp at(std::int64_t seconds) { return Timestamp{std::chrono::seconds{1'700'000'000 + seconds}}; }

work::RedeliveryState state() {
  work::RedeliveryState state;
  TaskStatus& status = state.status;
  status.id = TaskId::fresh();
  status.state = TaskState::in_progress;
  status.order.filter = {.id = DeadLetterId::fresh(),
                         .bus = "events",
                         .group = "index",
                         .type = "Sample",
                         .text = "no \"index\"",
                         .event = EventId::fresh(),
                         .since = at(1),
                         .until = at(2)};
  status.order.limit = 7;
  status.order.per_second = 0.5;
  status.order.dry_run = true;
  status.total = 100;
  status.looked_at = 6;
  status.redelivered = 3;
  status.failed = 2;
  status.skipped = 1;
  status.note = "full";
  status.submitted = at(3);
  status.started = at(4);
  status.ended = at(5);
  state.upper = 1'000;
  state.late = {"events/statistics"};
  state.last_pass = true;
  state.after = 900;
  state.taken = {901, 902};
  return state;
}

}  // namespace

TEST_CASE("a task is read as it was written", "[bus][task_document]") {
  const work::RedeliveryState written = state();

  const auto read = read_task(written.status.id, task_document(written));

  REQUIRE(read);
  CHECK(read->status.id == written.status.id);
  CHECK(read->status.state == TaskState::in_progress);
  CHECK(read->status.order.filter == written.status.order.filter);
  CHECK(read->status.order.limit == 7);
  CHECK(read->status.order.per_second == 0.5);
  CHECK(read->status.order.dry_run);
  CHECK(read->status.total == 100);
  CHECK(read->status.looked_at == 6);
  CHECK(read->status.redelivered == 3);
  CHECK(read->status.failed == 2);
  CHECK(read->status.skipped == 1);
  CHECK(read->status.note == "full");
  CHECK(read->status.submitted == at(3));
  CHECK(read->status.started == at(4));
  CHECK(read->status.ended == at(5));
  CHECK(read->upper == 1'000);
  CHECK(read->late == written.late);
  CHECK(read->last_pass);
  CHECK(read->after == 900);
  CHECK(read->taken == written.taken);
}

TEST_CASE("a document that is no task is refused", "[bus][task_document]") {
  std::string document = task_document(state());

  CHECK_FALSE(read_task({}, "{}"));
  CHECK_FALSE(read_task({}, document.replace(document.find("inProgress"), 10, "sleeping")));
}
