#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

#include "evmesh/verbs/status_picture.hpp"
#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::Outcome;

Outcome<void> run_ls(Session& session, const Arguments&) {
  const auto asked = session.get("/api/v1/members");
  if (!asked) return tl::unexpected(asked.error());
  const Json read = Json::parse(*asked);
  Answer answer;
  answer.tables.push_back(members_table(*asked));
  answer.json = read.dump();
  for (const auto& item : read.at("items")) answer.lines.push_back(item.dump());
  if (answer.lines.empty()) session.output().note("a node in mode mono has no members");
  if (answer.lines.empty() && session.output().form() == Form::jsonl) return {};
  return session.output().print(answer);
}

std::string shown(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

Outcome<void> run_show(Session& session, const Arguments& arguments) {
  const auto asked = session.get("/api/v1/members/" + escaped_for_url(arguments.words[0]));
  if (!asked) return tl::unexpected(asked.error());
  const Json read = Json::parse(*asked);
  Answer answer;
  Table table{{"FIELD", "VALUE"}, {}};
  for (const auto& item : read.items()) {
    if (item.key() != "schema" && !item.value().is_array())
      table.rows.push_back({item.key(), shown(item.value())});
  }
  answer.tables.push_back(std::move(table));
  Table streams{{"BUS", "WE RECEIVED", "IT GAVE", "IT RECEIVED", "IN STEP"}, {}};
  for (const auto& stream : read.at("inbound")) {
    streams.rows.push_back({stream.at("bus"), shown(stream.at("through")), shown(stream.at("head")), "", ""});
    for (const auto& peer : read.at("outbound")) {
      if (peer.at("bus") != stream.at("bus")) continue;
      streams.rows.back()[3] = shown(peer.at("through"));
      streams.rows.back()[4] = peer.at("in_step").get<bool>() ? "yes" : "lags";
    }
  }
  if (!streams.rows.empty()) answer.tables.push_back(std::move(streams));
  answer.json = read.dump();
  return session.output().print(answer);
}

Outcome<void> print_done(Session& session, const std::string& answered, const std::string& what) {
  const Json read = Json::parse(answered);
  Answer answer;
  answer.tables.push_back({{"MEMBER", "DONE"}, {{read.at("member"), what}}});
  answer.json = read.dump();
  return session.output().print(answer);
}

Outcome<void> run_forget(Session& session, const Arguments& arguments) {
  const auto asked = session.post("/api/v1/members/" + escaped_for_url(arguments.words[0]) + "/forget", "");
  if (!asked) return tl::unexpected(asked.error());
  return print_done(session, *asked, "forgotten");
}

Outcome<void> run_leave(Session& session, const Arguments& arguments) {
  if (!arguments.words.empty()) {
    const auto node = session.get("/api/v1/node");
    if (!node) return tl::unexpected(node.error());
    const Json read = Json::parse(*node);
    const std::string& wanted = arguments.words[0];
    if (read.at("name") != wanted && read.at("id") != wanted) {
      return peers::end_with(peers::ExitCode::data,
                             "this is the node " + base::quoted(read.at("name").get<std::string>()) +
                                 ", not " + base::quoted(wanted) +
                                 "; a node leaves through its own socket: --server SOCKET");
    }
  }
  const auto asked = session.post("/api/v1/node/leave", "");
  if (!asked) return tl::unexpected(asked.error());
  return print_done(session, *asked, "leaving");
}

}  // namespace

Verb member_ls_verb() {
  Verb verb;
  verb.name = "member ls";
  verb.summary = "The members of the cluster as this node sees them.";
  verb.examples =
      "  evmesh member ls\n  evmesh member ls -o jsonl | jq -r 'select(.state != \"alive\") | .name'\n";
  verb.run = run_ls;
  return verb;
}

Verb member_show_verb() {
  Verb verb;
  verb.name = "member show";
  verb.words = "NAME|ID";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "All that this node knows of one member.";
  verb.examples = "  evmesh member show imap-2\n  evmesh member show imap-2 -o json | jq .last_heard_ms\n";
  verb.run = run_show;
  return verb;
}

Verb member_leave_verb() {
  Verb verb;
  verb.name = "member leave";
  verb.words = "[NAME]";
  verb.words_max = 1;
  verb.summary = "The node says goodbye for good and stops; NAME guards against asking the wrong one.";
  verb.examples = "  evmesh member leave imap-2 -s ./imap-2/admin.sock\n  evmesh member leave\n";
  verb.run = run_leave;
  return verb;
}

Verb member_forget_verb() {
  Verb verb;
  verb.name = "member forget";
  verb.words = "NAME|ID";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "Takes a member that is not alive off the list of every node, for good.";
  verb.examples =
      "  evmesh member forget imap-9\n  evmesh member forget 0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01\n";
  verb.run = run_forget;
  return verb;
}

}  // namespace evmesh::cli
