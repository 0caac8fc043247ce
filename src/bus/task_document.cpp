#include "bus/task_document.hpp"

#include <array>

#include "bus/json_fields.hpp"

namespace evmesh::bus {

namespace {

constexpr std::array all_states{TaskState::waiting, TaskState::in_progress, TaskState::completed,
                                TaskState::failed, TaskState::cancelled};

TaskState read_state(JsonReader& json) {
  const std::string word = json.text("state");
  for (const TaskState state : all_states) {
    if (to_string(state) == word) return state;
  }
  json.wrong("state", "is no state of a task");
  return TaskState::failed;
}

std::string numbers_json(const std::vector<std::uint64_t>& numbers) {
  std::string json = "[";
  for (const std::uint64_t number : numbers) json += (json.size() > 1 ? "," : "") + std::to_string(number);
  return json + ']';
}

}  // namespace

std::string filter_json(const DeadLetterFilter& filter) {
  JsonWriter json;
  if (filter.id) json.text("id", filter.id->to_string());
  json.text("bus", filter.bus)
      .text("group", filter.group)
      .text("type", filter.type)
      .text("text", filter.text);
  if (filter.event) json.text("event", filter.event->to_string());
  if (filter.since) json.time("since", *filter.since);
  if (filter.until) json.time("until", *filter.until);
  return json.done();
}

DeadLetterFilter read_filter(JsonReader& task) {
  JsonReader json(task.must("filter"));
  DeadLetterFilter filter;
  if (const auto id = json.parsed<DeadLetterId>("id", {}); !id.nil()) filter.id = id;
  filter.bus = json.text("bus");
  filter.group = json.text("group");
  filter.type = json.text("type");
  filter.text = json.text("text");
  if (const auto event = json.parsed<EventId>("event", {}); !event.nil()) filter.event = event;
  filter.since = json.time("since");
  filter.until = json.time("until");
  if (auto good = json.finish(); !good) task.wrong(good.error());
  return filter;
}

void write_status(JsonWriter& json, const TaskStatus& status) {
  json.text("state", to_string(status.state)).raw("filter", filter_json(status.order.filter));
  json.number("limit", status.order.limit).real("per_second", status.order.per_second);
  json.flag("dry_run", status.order.dry_run)
      .number("total", status.total)
      .number("looked_at", status.looked_at);
  json.number("redelivered", status.redelivered)
      .number("failed", status.failed)
      .number("skipped", status.skipped);
  json.text("note", status.note).time("submitted", status.submitted);
  if (status.started) json.time("started", *status.started);
  if (status.ended) json.time("ended", *status.ended);
}

void read_status(JsonReader& json, TaskStatus& status) {
  status.state = read_state(json);
  status.order.filter = read_filter(json);
  status.order.limit = json.number("limit");
  status.order.per_second = json.real("per_second");
  status.order.dry_run = json.flag("dry_run");
  status.total = json.number("total");
  status.looked_at = json.number("looked_at");
  status.redelivered = json.number("redelivered");
  status.failed = json.number("failed");
  status.skipped = json.number("skipped");
  status.note = json.text("note");
  status.submitted = json.time("submitted").value_or(Timestamp{});
  status.started = json.time("started");
  status.ended = json.time("ended");
}

std::string task_document(const work::RedeliveryState& state) {
  JsonWriter json;
  json.text("type", "redeliver");
  write_status(json, state.status);
  json.number("upper", state.upper).number("after", state.after).flag("last_pass", state.last_pass);
  return json.texts("late", state.late).raw("taken", numbers_json(state.taken)).done();
}

Result<work::RedeliveryState> read_task(const TaskId& id, std::string_view document) {
  JsonReader json(document);
  work::RedeliveryState state;
  state.status.id = id;
  if (json.text("type") != "redeliver") json.wrong("type", "is no type of task");
  read_status(json, state.status);
  state.upper = json.number("upper");
  state.after = json.number("after");
  state.last_pass = json.flag("last_pass");
  state.late = json.texts("late");
  state.taken = json.numbers("taken");
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return state;
}

}  // namespace evmesh::bus
