#include "evmesh/verbs/node_names.hpp"

#include <nlohmann/json.hpp>

#include "evmesh/verbs/work_rows.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;

Json ask(Session& session, const std::string& target) {
  const auto answer = session.get(target);
  const Json read = answer ? Json::parse(*answer, nullptr, false) : Json();
  return read.is_object() ? read : Json::object();
}

}  // namespace

NodeNames::NodeNames(Session& session) {
  Json nodes = ask(session, "/api/v1/members").value("items", Json::array());
  // A mono node has no members.
  if (nodes.empty()) nodes.push_back(ask(session, "/api/v1/node"));
  for (const Json& node : nodes) {
    if (node.contains("id") && node.contains("name")) names_[node.at("id")] = node.at("name");
  }
}

std::string NodeNames::name_of(const std::string& json) const {
  const Json id = Json::parse(json);
  if (id.is_null()) return {};
  const auto found = names_.find(id.get<std::string>());
  return found == names_.end() ? short_id(json) : found->second;
}

}  // namespace evmesh::cli
