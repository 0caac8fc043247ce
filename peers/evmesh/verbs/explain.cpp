#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <evmesh/key.hpp>

#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string joined(const Json& names) {
  std::string list;
  for (const auto& name : names) list.append(list.empty() ? "" : ", ").append(name.get<std::string>());
  return list;
}

std::string gaps_of(const Json& counters) {
  std::uint64_t total = 0;
  for (const auto& item : counters.items()) total += item.value().get<std::uint64_t>();
  return std::to_string(total);
}

Table facts(const Json& key) {
  const Json& receipt = key.at("receipt");
  const auto elapsed = receipt.at("elapsed_us").get<double>();
  const bool here = key.at("listeners").get<std::uint64_t>() != 0;
  Table table{{"FACT", "VALUE"}, {}};
  table.rows = {
      {"key", key.at("key")},
      {"bus", key.at("bus")},
      {"listeners here", std::to_string(key.at("listeners").get<std::uint64_t>())},
      {"their names", joined(key.at("listener_names"))},
      {"since", key.at("since").is_null() ? "" : key.at("since").get<std::string>()},
      {"interested peers", joined(key.at("peers"))},
      {"known to all peers", !here                                ? ""
                             : receipt.at("complete").get<bool>() ? "yes, after " + format_age(elapsed)
                                                                  : "no"},
      {"missing peers", joined(receipt.at("missing"))},
      {"last number here", std::to_string(key.at("last_seq").get<std::uint64_t>())},
      {"gaps told to them", std::to_string(key.at("key_gaps").get<std::uint64_t>())},
      {"gaps on this node", gaps_of(key.at("gaps"))},
  };
  return table;
}

/// Per peer: what its acknowledgement said, and how far its stream came.
Table peer_rows(const Json& key) {
  Table table{{"PEER", "ARRIVES AFTER", "RECEIVED", "HEAD"}, {}};
  for (const auto& stream : key.at("inbound")) {
    std::string since;
    for (const auto& peer : key.at("receipt").at("acknowledged")) {
      if (peer.at("id") == stream.at("publisher_id"))
        since = std::to_string(peer.at("seq").get<std::uint64_t>());
    }
    table.rows.push_back({stream.at("publisher"), since,
                          std::to_string(stream.at("through").get<std::uint64_t>()),
                          std::to_string(stream.at("head").get<std::uint64_t>())});
  }
  return table;
}

peers::Outcome<void> run(Session& session, const Arguments& arguments) {
  const auto key = RegistrationKey::parse(arguments.words[0]);
  if (!key) return peers::end_with(peers::ExitCode::usage, key.error().message);
  std::string target = "/api/v1/keys/explain?key=" + escaped_for_url(key->to_string());
  if (arguments.has("bus")) target += "&bus=" + escaped_for_url(arguments.text("bus"));
  const auto asked = session.get(target);
  if (!asked) return tl::unexpected(asked.error());
  const Json read = Json::parse(*asked);
  Answer answer;
  answer.tables.push_back(facts(read));
  if (!read.at("inbound").empty()) answer.tables.push_back(peer_rows(read));
  answer.json = read.dump();
  return session.output().print(answer);
}

}  // namespace

Verb explain_verb() {
  Verb verb;
  verb.name = "explain key";
  verb.words = "KEY";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "Who listens on a key, since when, who knows of it, and how far the streams came.";
  verb.examples =
      "  evmesh explain key User:bob\n  evmesh explain key MailboxId:42 -o json | jq .receipt.missing\n";
  verb.flags = {{"bus", "NAME", "the bus (default: the node's first)"}};
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
