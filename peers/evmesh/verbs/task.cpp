#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "evmesh/verbs/task_watch.hpp"
#include "evmesh/verbs/verbs.hpp"
#include "evmesh/verbs/work_rows.hpp"

namespace evmesh::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

/// Between two looks at how far a task has got.
constexpr std::chrono::milliseconds look_again{500};

const std::vector<std::string> heading{"ID",     "STATE",   "DONE", "TOTAL", "REDELIVERED",
                                       "FAILED", "SKIPPED", "AGE",  "NOTE"};

std::vector<std::string> row(const std::string& item) {
  const Json task = Json::parse(item);
  std::string state = task.at("state");
  if (task.at("dry_run").get<bool>()) state += " (dry run)";
  return {task.at("id"),
          state,
          number_text(task.at("looked_at")),
          number_text(task.at("total")),
          number_text(task.at("redelivered")),
          number_text(task.at("failed")),
          number_text(task.at("skipped")),
          age_text(task.at("submitted").dump()),
          task.at("note")};
}

bool over(const Json& task) { return task.at("state") != "waiting" && task.at("state") != "inProgress"; }

/// "redeliver 019aab12  [##########----------]  614/1204  51%".
std::string bar(const Json& task) {
  constexpr std::size_t width = 20;
  const auto total = std::max<std::uint64_t>(task.at("total").get<std::uint64_t>(), 1);
  const auto done = std::min(task.at("looked_at").get<std::uint64_t>(), total);
  const auto filled = static_cast<std::size_t>(width * done / total);
  return fmt::format("redeliver {}  [{}{}]  {}/{}  {}%  {} failed", short_id(task.at("id").dump()),
                     std::string(filled, '#'), std::string(width - filled, '-'), done, total,
                     100 * done / total, task.at("failed").get<std::uint64_t>());
}

/// One task, when it is over or `end` has passed.
Outcome<std::string> wait_for_task(Session& session, const std::string& id, bool local,
                                   Clock::time_point end) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    const auto wait = std::clamp(left, std::chrono::milliseconds{0}, look_again);
    peers::HttpRequest request;
    request.target =
        fmt::format("/api/v1/tasks/{}?wait={}{}", escaped_for_url(id), wait.count(), local ? "&local=1" : "");
    request.timeout = session.timeout() + wait;
    auto response = session.send(std::move(request));
    if (!response) return tl::unexpected(response.error());
    if (auto failure = session.failure_of(*response)) return tl::unexpected(std::move(*failure));
    const Json task = Json::parse(response->body);
    if (over(task) || Clock::now() >= end) {
      session.heed(response->body);
      return std::move(response->body);
    }
    session.output().progress(bar(task));
  }
}

std::string path_of(const Arguments& arguments) {
  return "/api/v1/tasks/" + escaped_for_url(arguments.words[0]);
}

Outcome<void> run_ls(Session& session, const Arguments& arguments) {
  const auto asked = session.get("/api/v1/tasks" + local_query(arguments, '?'));
  if (!asked) return tl::unexpected(asked.error());
  return print_items(session, *asked, {heading, {}}, row);
}

Outcome<void> run_show(Session& session, const Arguments& arguments) {
  const auto asked = session.get(path_of(arguments) + local_query(arguments, '?'));
  if (!asked) return tl::unexpected(asked.error());
  return print_tasks(session, {*asked});
}

Outcome<void> run_wait(Session& session, const Arguments& arguments) {
  return wait_for_tasks(session, {arguments.words[0]}, arguments.has("local"));
}

Outcome<void> run_cancel(Session& session, const Arguments& arguments) {
  const auto asked = session.remove(path_of(arguments) + local_query(arguments, '?'));
  if (!asked) return tl::unexpected(asked.error());
  return print_tasks(session, {*asked});
}

Verb of_task(std::string_view name) {
  Verb verb;
  verb.name = name;
  verb.words = "ID";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.flags = {local_flag};
  return verb;
}

}  // namespace

Outcome<void> print_tasks(const Session& session, const std::vector<std::string>& documents) {
  Answer answer;
  Table table{heading, {}};
  Json items = Json::array();
  for (const std::string& document : documents) {
    items.push_back(Json::parse(document));
    table.rows.push_back(row(document));
    answer.lines.push_back(items.back().dump());
  }
  answer.tables.push_back(std::move(table));
  answer.json =
      items.size() == 1 ? items[0].dump() : Json{{"schema", "evmesh.tasks.v1"}, {"items", items}}.dump();
  return session.output().print(answer);
}

Outcome<void> wait_for_tasks(Session& session, const std::vector<std::string>& ids, bool local) {
  const auto end = session.timeout_given() ? Clock::now() + session.timeout()
                                           : Clock::time_point::max() - std::chrono::hours{1};
  std::vector<std::string> documents;
  bool all_over = true;
  bool all_well = true;
  for (const std::string& id : ids) {
    auto task = wait_for_task(session, id, local, end);
    session.output().end_progress();
    if (!task) return tl::unexpected(task.error());
    const Json read = Json::parse(*task);
    all_over = all_over && over(read);
    all_well = all_well && read.at("state") == "completed";
    documents.push_back(std::move(*task));
  }
  if (auto printed = print_tasks(session, documents); !printed) return printed;
  if (!all_over)
    return end_with(ExitCode::try_again, "not over yet; evmesh task wait " + ids.back() + " goes on waiting");
  return all_well ? Outcome<void>{} : end_with(ExitCode::negative, "");
}

Verb task_ls_verb() {
  Verb verb;
  verb.name = "task ls";
  verb.summary = "The last 100 redeliveries, newest first.";
  verb.examples =
      "  evmesh task ls\n  evmesh task ls -o jsonl | jq -r 'select(.state == \"failed\") | .note'\n";
  verb.flags = {local_flag};
  verb.run = run_ls;
  return verb;
}

Verb task_show_verb() {
  Verb verb = of_task("task show");
  verb.summary = "How far one task has got.";
  verb.examples =
      "  evmesh task show 019aab12-0000-7000-8000-000000000001\n"
      "  evmesh task show 019aab12-0000-7000-8000-000000000001 -o json | jq .redelivered\n";
  verb.run = run_show;
  return verb;
}

Verb task_wait_verb() {
  Verb verb = of_task("task wait");
  verb.summary = "Waits until a task is over, for ever or as long as --timeout says; exit 1 when it failed.";
  verb.examples =
      "  evmesh task wait 019aab12-0000-7000-8000-000000000001\n"
      "  evmesh task wait 019aab12-0000-7000-8000-000000000001 --timeout 10m\n";
  verb.run = run_wait;
  return verb;
}

Verb task_cancel_verb() {
  Verb verb = of_task("task cancel");
  verb.summary = "Ends a task; what it has redelivered stays so.";
  verb.examples =
      "  evmesh task cancel 019aab12-0000-7000-8000-000000000001\n"
      "  evmesh task cancel $(evmesh task ls -o jsonl | jq -r 'select(.state == \"inProgress\") | .id' | "
      "head -1)\n";
  verb.run = run_cancel;
  return verb;
}

}  // namespace evmesh::cli
