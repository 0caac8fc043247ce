#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "evmesh/verbs/node_names.hpp"
#include "evmesh/verbs/verbs.hpp"
#include "evmesh/verbs/work_rows.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::Outcome;

/// The node that accepted a dispatch, whose id comes first in its name.
std::string accepted_by(const NodeNames& names, const std::string& dispatch) {
  return names.name_of(Json(dispatch.substr(0, dispatch.find('/'))).dump());
}

Table lives_table(const NodeNames& names, const Json& life) {
  Table table{{"GROUP", "BUS", "STATE", "ATTEMPT", "RETURNS", "ACCEPTED", "BY", "DEAD LETTER", "DISPATCH"},
              {}};
  for (const auto& group : life.at("groups")) {
    const Json& letter = group.at("dead_letter");
    table.rows.push_back({group.at("group"), group.at("bus"), group.at("state"),
                          number_text(group.at("attempt")), number_text(group.at("returns")),
                          group.at("accepted"), accepted_by(names, group.at("dispatch")),
                          letter.is_null() ? "" : letter.get<std::string>(), group.at("dispatch")});
  }
  return table;
}

Table attempts_table(const NodeNames& names, const Json& life) {
  Table table{{"GROUP", "ATTEMPT", "TIME", "NODE", "ERROR"}, {}};
  for (const auto& group : life.at("groups")) {
    for (const auto& attempt : group.at("attempts")) {
      table.rows.push_back({group.at("group"), number_text(attempt.at("number")), attempt.at("time"),
                            names.name_of(attempt.at("node").dump()), attempt.at("error")});
    }
  }
  return table;
}

Outcome<void> run_show(Session& session, const Arguments& arguments) {
  const auto asked =
      session.get("/api/v1/events/" + escaped_for_url(arguments.words[0]) + local_query(arguments, '?'));
  if (!asked) return tl::unexpected(asked.error());
  const Json life = Json::parse(*asked);
  Answer answer;
  const NodeNames names(session);
  answer.tables.push_back(lives_table(names, life));
  if (Table attempts = attempts_table(names, life); !attempts.rows.empty())
    answer.tables.push_back(std::move(attempts));
  answer.json = life.dump();
  if (auto printed = session.output().print(answer); !printed) return printed;
  if (life.at("groups").empty()) session.output().note("finished, or never accepted here");
  return {};
}

}  // namespace

Verb event_show_verb() {
  Verb verb;
  verb.name = "event show";
  verb.words = "ID";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "What became of an event in every group, as long as a node remembers it.";
  verb.examples =
      "  evmesh event show 019aab12-0000-7000-8000-000000000001\n"
      "  evmesh event show 019aab12-0000-7000-8000-000000000001 -o json | jq .over\n";
  verb.flags = {local_flag};
  verb.run = run_show;
  return verb;
}

}  // namespace evmesh::cli
