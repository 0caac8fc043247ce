#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "evmesh/verbs/node_names.hpp"
#include "evmesh/verbs/verbs.hpp"
#include "evmesh/verbs/work_rows.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::Outcome;

constexpr std::uint64_t page_max = 1'000;

std::vector<std::string> row(const NodeNames& names, const std::string& item) {
  const Json letter = Json::parse(item);
  return {letter.at("id"),
          letter.at("group"),
          letter.at("type"),
          age_text(letter.at("time").dump()),
          number_text(letter.at("attempts")),
          number_text(letter.at("returns")),
          names.name_of(letter.at("node").dump()),
          letter.at("error")};
}

/// How the same letters are put back, for the note below the table.
std::string redeliver_command(const Arguments& arguments) {
  return "evmesh dead-letter redeliver " +
         (arguments.has("group") ? "-g " + arguments.text("group") : std::string("--all")) + " --dry-run";
}

Outcome<void> run_ls(Session& session, const Arguments& arguments) {
  const auto query = filter_query(arguments);
  if (!query) return tl::unexpected(query.error());
  const auto limit = arguments.number("limit", 100, 1, page_max);
  if (!limit) return tl::unexpected(limit.error());
  const std::string after =
      arguments.has("after") ? "&after=" + escaped_for_url(arguments.text("after")) : "";
  const auto page = session.get(
      fmt::format("/api/v1/dead-letters?limit={}{}{}{}", *limit, after, *query, local_query(arguments, '&')));
  if (!page) return tl::unexpected(page.error());
  Table table{{"ID", "GROUP", "EVENT", "AGE", "ATTEMPTS", "RETURNS", "NODE", "REASON"}, {}};
  const NodeNames names(session);
  const auto named_row = [&](const std::string& item) { return row(names, item); };
  if (auto printed = print_items(session, *page, std::move(table), named_row); !printed) return printed;
  const Json read = Json::parse(*page);
  if (read.at("items").empty()) return {};
  std::string note = fmt::format("{} shown", read.at("items").size());
  if (!read.at("next").is_null()) {
    const Json& next = read.at("next");
    note += "; there are more: --after " + (next.is_string() ? next.get<std::string>() : next.dump());
  }
  session.output().note(note + ". Put them back: " + redeliver_command(arguments));
  return {};
}

Table attempts_table(const NodeNames& names, const Json& letter) {
  Table table{{"ATTEMPT", "TIME", "NODE", "ERROR"}, {}};
  for (const auto& attempt : letter.at("attempts")) {
    table.rows.push_back({number_text(attempt.at("number")), attempt.at("time"),
                          attempt.contains("node") ? names.name_of(attempt.at("node").dump()) : "",
                          attempt.at("error")});
  }
  return table;
}

std::string joined(const Json& texts) {
  std::string list;
  for (const auto& text : texts) list.append(list.empty() ? "" : " ").append(text.get<std::string>());
  return list;
}

Outcome<void> run_show(Session& session, const Arguments& arguments) {
  const auto asked = session.get("/api/v1/dead-letters/" + escaped_for_url(arguments.words[0]) +
                                 local_query(arguments, '?'));
  if (!asked) return tl::unexpected(asked.error());
  const Json read = Json::parse(*asked);
  const Json& event = read.at("event");
  Answer answer;
  answer.tables.push_back({{"FIELD", "VALUE"},
                           {{"id", read.at("id")},
                            {"group", read.at("group")},
                            {"bus", read.at("bus")},
                            {"dispatch", read.at("dispatch")},
                            {"accepted", read.at("accepted")},
                            {"returns", number_text(read.at("returns"))},
                            {"keys", joined(read.at("keys"))},
                            {"event", event.dump()}}});
  answer.tables.push_back(attempts_table(NodeNames(session), read));
  answer.json = read.dump();
  return session.output().print(answer);
}

}  // namespace

Verb dead_letter_ls_verb() {
  Verb verb;
  verb.name = "dead-letter ls";
  verb.summary = "What failed for good, and why; reading changes nothing.";
  verb.examples =
      "  evmesh dead-letter ls -g quota --since 2h\n  evmesh dead-letter ls --match 'refused' -o jsonl\n";
  verb.flags = filter_flags();
  verb.flags.push_back({"limit", "COUNT", "at most so many, up to 1000 (default: 100)"});
  verb.flags.push_back({"after", "PLACE", "those behind this one, as the end of a list says"});
  verb.flags.push_back(local_flag);
  verb.run = run_ls;
  return verb;
}

Verb dead_letter_show_verb() {
  Verb verb;
  verb.name = "dead-letter show";
  verb.words = "ID";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "One dead letter with its event and every attempt.";
  verb.examples =
      "  evmesh dead-letter show 019aab12-0000-8000-8000-000000000001\n"
      "  evmesh dead-letter show 019aab12-0000-8000-8000-000000000001 -o json | jq .event\n";
  verb.flags = {local_flag};
  verb.run = run_show;
  return verb;
}

}  // namespace evmesh::cli
