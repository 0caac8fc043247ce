#include "admin/group_answers.hpp"

#include <nlohmann/json.hpp>

#include "event/instant.hpp"

namespace evmesh::admin {
namespace {

using Json = nlohmann::ordered_json;

/// Texts come from anywhere; whatever bytes they hold, the answer is UTF-8.
std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json nodes_of(Missing missing) {
  Json nodes = Json::array();
  for (const Unreached& each : missing) nodes.push_back({{"node", each.node}, {"reason", each.reason}});
  return nodes;
}

/// Said only when there is something to say.
void add_missing(Json& answer, Missing missing) {
  if (!missing.empty()) answer["unreached"] = nodes_of(missing);
}

Json time_or_null(const std::optional<Timestamp>& time) {
  return time ? Json(event::format_instant(*time)) : Json();
}

Json group_row(const GroupStatus& group) {
  return {{"bus", group.bus},
          {"group", group.group.to_string()},
          {"required", group.required},
          {"runners", group.runners},
          {"critical", group.critical},
          {"paused", group.paused},
          {"reason", group.pause_reason},
          {"owed", group.owed()},
          {"ready", group.ready},
          {"running", group.running},
          {"retrying", group.retrying},
          {"dying", group.dying},
          {"dead", group.dead},
          {"oldest", time_or_null(group.oldest)},
          {"run_p99_ms", group.run_p99 ? Json(static_cast<double>(group.run_p99->count()) / 1'000) : Json()}};
}

Json attempt_row(const Attempt& attempt) {
  Json row{{"number", attempt.number},
           {"time", event::format_instant(attempt.time)},
           {"node", nullptr},
           {"error", attempt.error}};
  if (!attempt.node.nil()) row["node"] = attempt.node.to_string();
  return row;
}

Json attempt_rows(const std::vector<Attempt>& attempts) {
  Json rows = Json::array();
  for (const Attempt& attempt : attempts) rows.push_back(attempt_row(attempt));
  return rows;
}

Json life_row(const GroupLife& life) {
  Json row{{"bus", life.bus},
           {"group", life.group.to_string()},
           {"dispatch", life.dispatch.to_string()},
           {"state", to_string(life.state)},
           {"attempt", life.attempt},
           {"returns", life.returns},
           {"accepted", event::format_instant(life.accepted)},
           {"attempts", attempt_rows(life.attempts)},
           {"dead_letter", nullptr}};
  if (life.letter) row["dead_letter"] = life.letter->to_string();
  return row;
}

Json life_object(const EventLife& life) {
  Json groups = Json::array();
  for (const GroupLife& group : life.groups) groups.push_back(life_row(group));
  return {{"event", life.event.to_string()}, {"over", life.over()}, {"groups", std::move(groups)}};
}

Json letter_row(const DeadLetterEntry& entry) {
  const DeadLetter& letter = entry.letter;
  Json row{{"id", letter.id.to_string()},
           {"number", entry.number},
           {"bus", entry.bus},
           {"group", letter.group.to_string()},
           {"event", letter.event.id().to_string()},
           {"type", letter.event.type()},
           {"user", letter.event.user()},
           {"attempts", letter.attempts.size()},
           {"returns", entry.returns},
           {"time", nullptr},
           {"node", nullptr},
           {"error", ""}};
  if (letter.attempts.empty()) return row;
  const Attempt& last = letter.attempts.back();
  row["time"] = event::format_instant(last.time);
  if (!last.node.nil()) row["node"] = last.node.to_string();
  row["error"] = last.error;
  return row;
}

Json filter_object(const DeadLetterFilter& filter) {
  Json object = Json::object();
  if (filter.id) object["id"] = filter.id->to_string();
  if (!filter.bus.empty()) object["bus"] = filter.bus;
  if (!filter.group.empty()) object["group"] = filter.group;
  if (!filter.type.empty()) object["type"] = filter.type;
  if (!filter.text.empty()) object["match"] = filter.text;
  if (filter.event) object["event"] = filter.event->to_string();
  if (filter.since) object["since"] = event::format_instant(*filter.since);
  if (filter.until) object["until"] = event::format_instant(*filter.until);
  return object;
}

Json task_row(const TaskStatus& task) {
  return {{"id", task.id.to_string()},
          {"type", "redeliver"},
          {"state", to_string(task.state)},
          {"filter", filter_object(task.order.filter)},
          {"limit", task.order.limit},
          {"per_second", task.order.per_second},
          {"dry_run", task.order.dry_run},
          {"total", task.total},
          {"looked_at", task.looked_at},
          {"redelivered", task.redelivered},
          {"failed", task.failed},
          {"skipped", task.skipped},
          {"note", task.note},
          {"submitted", event::format_instant(task.submitted)},
          {"started", time_or_null(task.started)},
          {"ended", time_or_null(task.ended)}};
}

std::string james_type(const DeadLetterFilter& filter) {
  if (filter.id) return "event-dead-letters-redeliver-one";
  return filter.group.empty() ? "event-dead-letters-redeliver-all" : "event-dead-letters-redeliver-group";
}

Json james_task(const TaskStatus& task, const std::string& node) {
  const DeadLetterFilter& filter = task.order.filter;
  const bool cancelled = task.state == TaskState::cancelled;
  Json more{{"type", james_type(filter)},
            {"successfulRedeliveriesCount", task.redelivered},
            {"failedRedeliveriesCount", task.failed},
            {"group", filter.group.empty() ? Json() : Json(filter.group)},
            {"insertionId", filter.id ? Json(filter.id->to_string()) : Json()},
            {"timestamp", event::format_instant(task.ended.value_or(task.started.value_or(task.submitted)))}};
  if (!filter.id)
    more["runningOptions"] = task.order.limit == 0 ? Json::object() : Json{{"limit", task.order.limit}};
  Json json{{"taskId", task.id.to_string()},
            {"type", james_type(filter)},
            {"status", cancelled ? "canceled" : to_string(task.state)},
            {"submittedFrom", node},
            {"submitDate", event::format_instant(task.submitted)},
            {"additionalInformation", std::move(more)}};
  if (task.started) json["executedOn"] = node;
  if (task.started) json["startedDate"] = event::format_instant(*task.started);
  if (!task.ended) return json;
  const char* name = task.state == TaskState::completed ? "completedDate"
                     : cancelled                        ? "canceledDate"
                                                        : "failedDate";
  json[name] = event::format_instant(*task.ended);
  if (cancelled) json["cancelledFrom"] = node;
  return json;
}

}  // namespace

std::string groups_json(std::span<const GroupStatus> groups, Missing missing) {
  Json items = Json::array();
  for (const GroupStatus& group : groups) items.push_back(group_row(group));
  Json answer{{"schema", "evmesh.groups.v1"}, {"items", std::move(items)}};
  add_missing(answer, missing);
  return line(answer);
}

std::string group_json(const GroupStatus& group, Missing missing) {
  Json answer{{"schema", "evmesh.group.v1"}};
  answer.update(group_row(group));
  add_missing(answer, missing);
  return line(answer);
}

std::string removed_group_json(const std::string& bus, const std::string& group, std::uint64_t cancelled,
                               Missing missing) {
  Json answer{
      {"schema", "evmesh.group_removed.v1"}, {"bus", bus}, {"group", group}, {"cancelled", cancelled}};
  add_missing(answer, missing);
  return line(answer);
}

std::string life_json(const EventLife& life, Missing missing) {
  Json answer{{"schema", "evmesh.event_life.v1"}};
  answer.update(life_object(life));
  add_missing(answer, missing);
  return line(answer);
}

std::string lives_json(std::span<const EventLife> lives) {
  Json items = Json::array();
  for (const EventLife& life : lives) items.push_back(life_object(life));
  return line({{"schema", "evmesh.event_lives.v1"}, {"items", std::move(items)}});
}

namespace {

std::string letters_line(std::span<const DeadLetterEntry> letters, bool whole, const std::string& next,
                         Missing missing) {
  std::string items;
  for (const DeadLetterEntry& entry : letters) {
    items +=
        (items.empty() ? "" : ",") +
        (whole ? to_json(entry) : letter_row(entry).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return R"({"schema":"evmesh.dead_letters.v1","items":[)" + items + R"(],"next":)" + next +
         (missing.empty()
              ? ""
              : R"(,"unreached":)" + nodes_of(missing).dump(-1, ' ', false, Json::error_handler_t::replace)) +
         "}\n";
}

}  // namespace

std::string letters_json(const DeadLetterPage& page, bool whole) {
  return letters_line(page.items, whole, page.next == 0 ? "null" : std::to_string(page.next), {});
}

std::string letters_json(const FromMesh<MeshLetterPage>& page, bool whole) {
  const auto& next = page.value.next;
  return letters_line(page.value.items, whole, next ? '"' + next->to_string() + '"' : "null", page.unreached);
}

std::string letter_json(const DeadLetterEntry& entry) { return to_json(entry) + "\n"; }

std::string count_json(const std::string& name, std::uint64_t count, Missing missing) {
  Json answer{{"schema", "evmesh.count.v1"}, {name, count}};
  add_missing(answer, missing);
  return line(answer);
}

std::string imported_json(const Imported& imported) {
  return line({{"schema", "evmesh.imported.v1"}, {"read", imported.read}, {"kept", imported.kept}});
}

std::string tasks_json(std::span<const TaskStatus> tasks, Missing missing) {
  Json items = Json::array();
  for (const TaskStatus& task : tasks) items.push_back(task_row(task));
  Json answer{{"schema", "evmesh.tasks.v1"}, {"items", std::move(items)}};
  add_missing(answer, missing);
  return line(answer);
}

std::string task_json(const TaskStatus& task, Missing missing) {
  Json answer{{"schema", "evmesh.task.v1"}};
  answer.update(task_row(task));
  add_missing(answer, missing);
  return line(answer);
}

std::string james_texts_json(std::span<const std::string> texts) {
  return line(Json(std::vector<std::string>(texts.begin(), texts.end())));
}

std::string james_task_json(const TaskStatus& task, const std::string& node) {
  return line(james_task(task, node));
}

std::string james_tasks_json(std::span<const TaskStatus> tasks, const std::string& node) {
  Json items = Json::array();
  for (const TaskStatus& task : tasks) items.push_back(james_task(task, node));
  return line(items);
}

std::string james_error_json(int status, const std::string& message) {
  return line({{"statusCode", status},
               {"type", status == 404  ? "notFound"
                        : status < 500 ? "InvalidArgument"
                                       : "ServerError"},
               {"message", message},
               {"details", nullptr}});
}

}  // namespace evmesh::admin
