#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "evmesh/verbs/status_picture.hpp"
#include "evmesh/verbs/verbs.hpp"
#include "evmesh/verbs/work_rows.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::chrono::milliseconds ask_again{50};
constexpr std::chrono::seconds redraw{1};
constexpr std::uint64_t members_max = 64;

/// The three answers a picture of the node is made of.
struct View {
  std::string node;
  std::string members;
  std::string health;
};

Outcome<View> look(Session& session) {
  auto node = session.get("/api/v1/node");
  if (!node) return tl::unexpected(node.error());
  auto members = session.get("/api/v1/members");
  if (!members) return tl::unexpected(members.error());
  peers::HttpRequest request;
  request.target = "/healthz";
  request.timeout = session.timeout();
  // An unhealthy node answers 503, and that is an answer.
  auto health = session.send(std::move(request));
  if (!health) return tl::unexpected(health.error());
  return View{std::move(*node), std::move(*members), std::move(health->body)};
}

/// Those of the mesh. Members that do not answer stand in the table of members already.
Outcome<std::string> groups_of(Session& session) {
  peers::HttpRequest request;
  request.target = "/api/v1/groups";
  request.timeout = session.timeout();
  auto response = session.send(std::move(request));
  if (!response) return tl::unexpected(response.error());
  if (auto failure = session.failure_of(*response)) return tl::unexpected(std::move(*failure));
  return std::move(response->body);
}

Answer answer_of(const View& view, const std::string& groups) {
  Answer answer;
  answer.tables.push_back(node_table(view.node, view.health));
  if (Table members = members_table(view.members); !members.rows.empty())
    answer.tables.push_back(std::move(members));
  if (Table streams = streams_table(view.node); !streams.rows.empty())
    answer.tables.push_back(std::move(streams));
  if (Table table = groups_table(groups); !table.rows.empty()) answer.tables.push_back(std::move(table));
  answer.json = Json{{"schema", "evmesh.status.v1"},
                     {"node", Json::parse(view.node)},
                     {"members", Json::parse(view.members).at("items")},
                     {"groups", Json::parse(groups).at("items")},
                     {"health", Json::parse(view.health)}}
                    .dump();
  return answer;
}

bool may_come_back(const peers::Failure& failure) {
  return failure.code == ExitCode::unavailable || failure.code == ExitCode::try_again;
}

/// What --watch shows while the node is away.
Answer no_answer(const peers::Failure& failure) {
  Answer answer;
  answer.text = "no answer: " + failure.message + "\n";
  answer.json =
      Json{{"schema", "evmesh.status.v1"}, {"node", nullptr}, {"no_answer", failure.message}}.dump();
  return answer;
}

Outcome<Answer> look_closely(Session& session) {
  const auto view = look(session);
  if (!view) return tl::unexpected(view.error());
  const auto groups = groups_of(session);
  if (!groups) return tl::unexpected(groups.error());
  return answer_of(*view, *groups);
}

Outcome<void> watch(Session& session) {
  const bool screen = session.output().form() == Form::table && ::isatty(STDOUT_FILENO) != 0;
  bool met = false;  // a node that never answered is a wrong address
  while (true) {
    const auto answer = look_closely(session);
    if (!answer && (!met || !may_come_back(answer.error()))) return tl::unexpected(answer.error());
    met = true;
    if (screen) {
      if (auto cleared = session.output().print_raw("\x1b[H\x1b[2J"); !cleared) return cleared;
    }
    if (auto printed = session.output().print(answer ? *answer : no_answer(answer.error())); !printed)
      return printed;
    std::this_thread::sleep_for(redraw);
  }
}

/// What is still missing, or nothing.
std::string missing(const View& view, std::uint64_t members, bool ready) {
  const std::uint64_t in_touch = members_in_touch(view.members);
  if (in_touch < members) return fmt::format("{} of {} members are in touch", in_touch, members);
  const std::string health = Json::parse(view.health).at("status");
  return ready && health != "healthy" ? "the node is " + health : "";
}

Outcome<View> wait(Session& session, std::uint64_t members, bool ready) {
  const auto end = std::chrono::steady_clock::now() + session.timeout();
  while (true) {
    auto view = look(session);
    // A node that is just starting has no socket yet.
    const bool absent = !view && view.error().code == ExitCode::unavailable;
    if (!view && !absent) return view;
    const std::string why = absent ? view.error().message : missing(*view, members, ready);
    if (why.empty()) return view;
    if (std::chrono::steady_clock::now() >= end) {
      return end_with(ExitCode::try_again, "waited " + std::to_string(session.timeout().count()) +
                                               " ms: " + why +
                                               "; evmesh status shows the causes, --timeout waits longer");
    }
    std::this_thread::sleep_for(ask_again);
  }
}

Outcome<void> run(Session& session, const Arguments& arguments) {
  const auto members = arguments.number("wait-members", 0, 1, members_max);
  if (!members) return tl::unexpected(members.error());
  const bool ready = arguments.has("wait-ready");
  if (arguments.has("watch")) return watch(session);
  const auto view = *members != 0 || ready ? wait(session, *members, ready) : look(session);
  if (!view) return tl::unexpected(view.error());
  const auto groups = groups_of(session);
  if (!groups) return tl::unexpected(groups.error());
  return session.output().print(answer_of(*view, *groups));
}

}  // namespace

Verb status_verb() {
  Verb verb;
  verb.name = "status";
  verb.summary =
      "The node, its health with causes, who hears whom, how far the streams are, the groups of the mesh.";
  verb.examples =
      "  evmesh status --watch\n  evmesh status --wait-members 3 --timeout 30s -q -o json >/dev/null && echo "
      "formed\n";
  verb.flags = {{"watch", "", "show it again every second until Ctrl-C, through restarts of the node too"},
                {"wait-members", "COUNT",
                 "wait until so many members (this node included) hear each other; at most --timeout"},
                {"wait-ready", "", "wait until the node is healthy; at most --timeout"}};
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
