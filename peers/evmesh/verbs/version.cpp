#include <nlohmann/json.hpp>

#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

peers::Outcome<void> run(Session& session, const Arguments&) {
  nlohmann::ordered_json json{
      {"schema", "evmesh.versions.v1"}, {"evmesh", EVMESH_VERSION}, {"evmeshd", nullptr}};
  Answer answer;
  Table table{{"PROGRAM", "VERSION"}, {{"evmesh", EVMESH_VERSION}}};
  if (const auto asked = session.get("/api/v1/version")) {
    const std::string version = nlohmann::json::parse(*asked).at("version");
    json["evmeshd"] = version;
    table.rows.push_back({"evmeshd", version});
  } else {
    session.output().note("only this program's version: " + asked.error().message);
  }
  answer.tables.push_back(std::move(table));
  answer.json = json.dump();
  return session.output().print(answer);
}

}  // namespace

Verb version_verb() {
  Verb verb;
  verb.name = "version";
  verb.summary = "The versions of this program and of the node.";
  verb.examples = "  evmesh version\n  evmesh version -o json | jq -r .evmeshd\n";
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
