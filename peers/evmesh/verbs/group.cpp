#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "evmesh/verbs/verbs.hpp"
#include "evmesh/verbs/work_rows.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::Outcome;

std::string state_text(const Json& group) {
  if (group.at("paused").get<bool>()) {
    const auto reason = group.at("reason").get<std::string>();
    return reason.empty() ? "paused" : "paused: " + reason;
  }
  const bool owed = group.at("owed").get<std::uint64_t>() > 0;
  if (group.at("runners").get<std::uint64_t>() == 0) return owed ? "no node can run it" : "no runner";
  return group.at("required").get<bool>() ? "ok" : "not required";
}

std::string run_time_text(const Json& milliseconds) {
  return milliseconds.is_null() ? "-" : fmt::format("{:.3g} ms", milliseconds.get<double>());
}

std::vector<std::string> row(const std::string& item) {
  const Json group = Json::parse(item);
  return {group.at("group"),
          group.at("bus"),
          number_text(group.at("runners")),
          number_text(group.at("ready")),
          number_text(group.at("running")),
          number_text(group.at("retrying")),
          number_text(group.at("dead")),
          age_text(group.at("oldest").dump()),
          run_time_text(group.at("run_p99_ms")),
          state_text(group)};
}

const std::vector<std::string> heading{"GROUP",    "BUS",  "RUNNERS", "READY", "RUNNING",
                                       "RETRYING", "DEAD", "OLDEST",  "RUN P99", "STATE"};

std::string path_of(const Arguments& arguments, const std::string& action = {}) {
  return "/api/v1/groups/" + escaped_for_url(arguments.words[0]) + action;
}

Outcome<void> run_ls(Session& session, const Arguments& arguments) {
  const auto asked = session.get("/api/v1/groups" + local_query(arguments, '?'));
  if (!asked) return tl::unexpected(asked.error());
  return print_items(session, *asked, {heading, {}}, row);
}

Outcome<void> print_group(const Session& session, const Outcome<std::string>& asked) {
  if (!asked) return tl::unexpected(asked.error());
  const Json read = Json::parse(*asked);
  Answer answer;
  answer.tables.push_back({heading, {row(*asked)}});
  answer.json = read.dump();
  return session.output().print(answer);
}

Outcome<void> run_show(Session& session, const Arguments& arguments) {
  const std::string bus = bus_query(arguments, '?');
  return print_group(session,
                     session.get(path_of(arguments) + bus + local_query(arguments, bus.empty() ? '?' : '&')));
}

Outcome<void> run_pause(Session& session, const Arguments& arguments) {
  return print_group(
      session, session.post(path_of(arguments, "/pause?reason=") + escaped_for_url(arguments.text("reason")) +
                                bus_query(arguments, '&'),
                            ""));
}

Outcome<void> run_resume(Session& session, const Arguments& arguments) {
  return print_group(session, session.post(path_of(arguments, "/resume") + bus_query(arguments, '?'), ""));
}

Outcome<void> run_rm(Session& session, const Arguments& arguments) {
  const std::string cancel = arguments.has("cancel") ? "1" : "0";
  const auto asked = session.remove(path_of(arguments, "?cancel=") + cancel + bus_query(arguments, '&'));
  if (!asked) return tl::unexpected(asked.error());
  const Json read = Json::parse(*asked);
  Answer answer;
  answer.tables.push_back({{"GROUP", "BUS", "CANCELLED"},
                           {{read.at("group"), read.at("bus"), number_text(read.at("cancelled"))}}});
  answer.json = read.dump();
  return session.output().print(answer);
}

Verb of_group(std::string_view name) {
  Verb verb;
  verb.name = name;
  verb.words = "GROUP";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.flags = {bus_flag};
  return verb;
}

}  // namespace

Table groups_table(const std::string& document) {
  Table table{heading, {}};
  const Json read = Json::parse(document);
  for (const auto& item : read.at("items")) table.rows.push_back(row(item.dump()));
  return table;
}

Verb group_ls_verb() {
  Verb verb;
  verb.name = "group ls";
  verb.summary = "The groups of the mesh: what they are owed, what runs, what died.";
  verb.examples = "  evmesh group ls\n  evmesh group ls -o jsonl | jq -r 'select(.dead > 0) | .group'\n";
  verb.flags = {local_flag};
  verb.run = run_ls;
  return verb;
}

Verb group_show_verb() {
  Verb verb = of_group("group show");
  verb.summary = "One group.";
  verb.flags.push_back(local_flag);
  verb.examples = "  evmesh group show search-index\n  evmesh group show search-index -o json | jq .owed\n";
  verb.run = run_show;
  return verb;
}

Verb group_pause_verb() {
  Verb verb = of_group("group pause");
  verb.summary = "Starts nothing more of a group on any node, also after a restart; it goes on being owed.";
  verb.examples =
      "  evmesh group pause quota --reason 'database is being moved'\n  evmesh group pause quota\n";
  verb.flags.push_back({"reason", "TEXT", "for those who look at the group later"});
  verb.run = run_pause;
  return verb;
}

Verb group_resume_verb() {
  Verb verb = of_group("group resume");
  verb.summary = "Lets a paused group run again.";
  verb.examples = "  evmesh group resume quota\n  evmesh group resume quota --bus mail\n";
  verb.run = run_resume;
  return verb;
}

Verb group_rm_verb() {
  Verb verb = of_group("group rm");
  verb.summary = "Ends that events are owed to a group that no node runs; its dead letters stay.";
  verb.examples = "  evmesh group rm old-index\n  evmesh group rm old-index --cancel\n";
  verb.flags.push_back({"cancel", "", "also cancels what the group is still owed, on every node"});
  verb.run = run_rm;
  return verb;
}

}  // namespace evmesh::cli
