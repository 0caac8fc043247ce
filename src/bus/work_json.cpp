#include "bus/work_json.hpp"

#include <limits>

#include "bus/letter_json.hpp"
#include "bus/task_document.hpp"
#include "event/json_text.hpp"

namespace evmesh::bus {

namespace {

constexpr std::uint64_t u32_max = std::numeric_limits<std::uint32_t>::max();

Group group_of(JsonReader& json) {
  auto group = Group::parse(json.text("group"));
  if (group) return *std::move(group);
  json.wrong(group.error());
  return Group::parse("none").value();
}

WorkState read_state(JsonReader& json) {
  const std::string word = json.text("state");
  for (auto state = WorkState::ready; state <= WorkState::cancelled;
       state = static_cast<WorkState>(static_cast<int>(state) + 1)) {
    if (to_string(state) == word) return state;
  }
  json.wrong("state", "is no state of an event in a group");
  return WorkState::ready;
}

template <class Read>
Result<Read> finished(const JsonReader& json, Read read) {
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return read;
}

}  // namespace

std::string group_json(const GroupStatus& status) {
  JsonWriter json;
  json.text("bus", status.bus).text("group", status.group.to_string());
  json.flag("required", status.required).number("runners", status.runners).flag("critical", status.critical);
  json.flag("paused", status.paused).text("reason", status.pause_reason);
  json.number("ready", status.ready).number("running", status.running).number("retrying", status.retrying);
  json.number("dying", status.dying).number("dead", status.dead);
  if (status.oldest) json.time("oldest", *status.oldest);
  if (status.run_p99) json.number("run_p99_us", static_cast<std::uint64_t>(status.run_p99->count()));
  return json.done();
}

Result<GroupStatus> read_group(event::JsonView object) {
  JsonReader json(object);
  const std::string bus = json.text("bus");
  GroupStatus status{bus, group_of(json), false, 0, true, false, {}, 0, 0, 0, 0, 0, {}, {}};
  status.required = json.flag("required");
  status.runners = static_cast<std::uint32_t>(json.number("runners", u32_max));
  status.critical = json.flag("critical");
  status.paused = json.flag("paused");
  status.pause_reason = json.text("reason");
  status.ready = json.number("ready");
  status.running = json.number("running");
  status.retrying = json.number("retrying");
  status.dying = json.number("dying");
  status.dead = json.number("dead");
  status.oldest = json.time("oldest");
  if (const auto p99 = json.number("run_p99_us")) status.run_p99 = std::chrono::microseconds{p99};
  return finished(json, std::move(status));
}

std::string life_json(const GroupLife& life) {
  JsonWriter json;
  json.text("dispatch", life.dispatch.to_string())
      .text("bus", life.bus)
      .text("group", life.group.to_string());
  json.text("state", to_string(life.state)).number("attempt", life.attempt).number("returns", life.returns);
  json.time("accepted", life.accepted).raw("attempts", attempts_json(life.attempts));
  if (life.letter) json.text("letter", life.letter->to_string());
  return json.done();
}

Result<GroupLife> read_life(event::JsonView object) {
  JsonReader json(object);
  const auto dispatch = json.parsed<DispatchId>("dispatch", {});
  const std::string bus = json.text("bus");
  GroupLife life{.dispatch = dispatch, .bus = bus, .group = group_of(json), .attempts = {}};
  life.state = read_state(json);
  life.attempt = static_cast<std::uint32_t>(json.number("attempt", u32_max));
  life.returns = static_cast<std::uint32_t>(json.number("returns", u32_max));
  life.accepted = json.time("accepted").value_or(Timestamp{});
  life.attempts = read_attempts(json);
  if (const auto letter = json.parsed<DeadLetterId>("letter", {}); !letter.nil()) life.letter = letter;
  return finished(json, std::move(life));
}

std::string task_json(const TaskStatus& task) {
  JsonWriter json;
  json.text("id", task.id.to_string());
  write_status(json, task);
  return json.done();
}

Result<TaskStatus> read_task_status(event::JsonView object) {
  JsonReader json(object);
  TaskStatus task;
  task.id = json.parsed<TaskId>("id", {});
  read_status(json, task);
  return finished(json, std::move(task));
}

Result<TaskStatus> read_task_text(const std::string& text) {
  if (auto checked = event::check_json(text); !checked) return tl::unexpected(checked.error());
  return read_task_status(event::JsonView(text));
}

std::string items_json(const std::vector<std::string>& items) {
  std::string json = R"({"items":[)";
  for (const std::string& item : items) json += (&item == items.data() ? "" : ",") + item;
  return json + "]}";
}

}  // namespace evmesh::bus
