#include <nlohmann/json.hpp>

#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string joined(const Json& names) {
  std::string list;
  for (const auto& name : names) list.append(list.empty() ? "" : ",").append(name.get<std::string>());
  return list;
}

peers::Outcome<Json> all_keys(Session& session) {
  Json items = Json::array();
  std::string target = "/api/v1/keys";
  while (true) {
    const auto page = session.get(target);
    if (!page) return tl::unexpected(page.error());
    const Json read = Json::parse(*page);
    for (const auto& item : read.at("items")) items.push_back(item);
    if (read.at("next").is_null()) return items;
    target = "/api/v1/keys?after=" + escaped_for_url(read.at("next").get<std::string>());
  }
}

peers::Outcome<void> run(Session& session, const Arguments&) {
  const auto items = all_keys(session);
  if (!items) return tl::unexpected(items.error());
  Answer answer;
  Table table{{"KEY", "BUS", "LISTENERS", "SINCE", "PEERS"}, {}};
  for (const auto& item : *items) {
    table.rows.push_back(
        {item.at("key"), item.at("bus"), std::to_string(item.at("listeners").get<std::uint64_t>()),
         item.at("since").is_null() ? "" : item.at("since").get<std::string>(), joined(item.at("peers"))});
    answer.lines.push_back(item.dump());
  }
  answer.tables.push_back(std::move(table));
  answer.json = Json{{"schema", "evmesh.keys.v1"}, {"items", *items}}.dump();
  // An empty list has no lines; one document is not what a reader of lines expects.
  if (items->empty() && session.output().form() == Form::jsonl) return {};
  return session.output().print(answer);
}

}  // namespace

Verb key_ls_verb() {
  Verb verb;
  verb.name = "key ls";
  verb.summary = "The keys with listeners on this node.";
  verb.examples = "  evmesh key ls\n  evmesh key ls -o jsonl | jq -r 'select(.listeners > 1) | .key'\n";
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
