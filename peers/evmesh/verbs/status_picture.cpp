#include "evmesh/verbs/status_picture.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t text_columns = 72;

std::string arrow(const Json& member) {
  if (member.at("self").get<bool>()) return "here";
  const bool we_hear = member.at("we_hear").get<bool>();
  const bool hears_us = member.at("hears_us").get<bool>();
  if (we_hear && hears_us) return "<->";
  if (we_hear) return "<--";
  return hears_us ? "-->" : "-x-";
}

std::string counted(const Json& number) { return std::to_string(number.get<std::uint64_t>()); }

/// A long text takes several rows, broken between words where there are any.
void add_wrapped(Table& table, const std::string& field, std::string_view text) {
  std::string name = field;
  while (!text.empty()) {
    std::size_t end = std::min(text.size(), text_columns);
    if (end < text.size()) {
      const std::size_t space = text.rfind(' ', end);
      if (space != std::string_view::npos && space != 0) end = space;
    }
    while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;  // never inside a character
    table.rows.push_back({std::exchange(name, " "), std::string(text.substr(0, end))});
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
}

std::string heads_of(const Json& node) {
  std::string text;
  for (const auto& item : node.at("heads").items()) {
    text.append(text.empty() ? "" : ", ").append(item.key()) += " " + counted(item.value());
  }
  return text;
}

}  // namespace

Table members_table(const std::string& members_json) {
  Table table{{"MEMBER", "LINK", "STATE", "MODE", "ENDPOINT", "KEYS", "LAST HEARD", "REASON"}, {}};
  const Json members = Json::parse(members_json);
  for (const auto& member : members.at("items")) {
    const bool self = member.at("self").get<bool>();
    const double heard_us = 1e3 * member.at("last_heard_ms").get<double>();
    table.rows.push_back({member.at("name"), arrow(member), member.at("state"),
                          member.at("mode").is_null() ? "" : member.at("mode").get<std::string>(),
                          member.at("endpoint"), counted(member.at("keys")), self ? "" : format_age(heard_us),
                          member.at("reason")});
  }
  return table;
}

std::uint64_t members_in_touch(const std::string& members_json) {
  const Json members = Json::parse(members_json);
  std::uint64_t count = members.at("items").empty() ? 1 : 0;
  for (const auto& member : members.at("items")) {
    const bool in_touch = member.at("we_hear").get<bool>() && member.at("hears_us").get<bool>();
    if (member.at("self").get<bool>() || (member.at("state") == "alive" && in_touch)) ++count;
  }
  return count;
}

Table node_table(const std::string& node_json, const std::string& health_json) {
  const Json node = Json::parse(node_json);
  const Json health = Json::parse(health_json);
  Table table{{"FIELD", "VALUE"}, {}};
  table.rows = {{"name", node.at("name")},       {"id", node.at("id")},
                {"health", health.at("status")}, {"mode", node.at("mode")},
                {"cluster", node.at("cluster")}, {"listen", node.at("listen")},
                {"publish", node.at("publish")}, {"last numbers", heads_of(node)}};
  for (const auto& check : health.at("checks")) {
    const std::string cause = check.at("cause");
    if (!cause.empty()) add_wrapped(table, "cause", cause);
  }
  for (const auto& note : node.at("notes")) add_wrapped(table, "note", note.get<std::string>());
  for (const auto& item : node.at("counters").items()) {
    if (item.value().get<std::uint64_t>() != 0) table.rows.push_back({item.key(), counted(item.value())});
  }
  return table;
}

Table streams_table(const std::string& node_json) {
  const Json node = Json::parse(node_json);
  Table table{{"STREAM", "BUS", "RECEIVED", "HEAD", "IN STEP"}, {}};
  for (const auto& stream : node.at("inbound")) {
    table.rows.push_back({"from " + stream.at("publisher").get<std::string>(), stream.at("bus"),
                          counted(stream.at("through")), counted(stream.at("head")), ""});
  }
  for (const auto& peer : node.at("outbound")) {
    const auto head = node.at("heads").find(peer.at("bus").get<std::string>());
    table.rows.push_back({"to " + peer.at("peer").get<std::string>(), peer.at("bus"),
                          counted(peer.at("through")), head == node.at("heads").end() ? "" : counted(*head),
                          peer.at("in_step").get<bool>() ? "yes" : "lags"});
  }
  return table;
}

}  // namespace evmesh::cli
