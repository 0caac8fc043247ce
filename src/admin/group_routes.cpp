#include "admin/group_routes.hpp"

#include <chrono>
#include <utility>

#include "admin/answers.hpp"
#include "admin/api.hpp"
#include "admin/group_answers.hpp"

namespace evmesh::admin {
namespace {

/// The group that a path names, on the bus that `bus=` names, or on the first.
struct Named {
  std::string bus;
  Group group;
};

Result<Named> named(Node& node, const Query& query, const std::string& name) {
  const auto bus = bus_of(node, query.text("bus"));
  if (!bus) return tl::unexpected(bus.error());
  auto group = Group::parse(name);
  if (!group) return tl::unexpected(group.error());
  return Named{(*bus)->name(), std::move(*group)};
}

Response list(Node& node, const Request& request) {
  const auto local = local_of(Query::read(request.query, {"local"}));
  if (!local) return error_response(local.error());
  const auto groups = *local ? alone(node.group_work().groups()) : node.mesh_work().groups();
  if (!groups) return error_response(groups.error());
  return {200, groups_json(groups->value, groups->unreached)};
}

Response show(Node& node, const Request& request, const std::string& name) {
  const auto query = Query::read(request.query, {"bus", "local"});
  const auto local = local_of(query);
  if (!local) return error_response(local.error());
  const auto asked = named(node, *query, name);
  if (!asked) return error_response(asked.error());
  const auto group = *local ? alone(node.group_work().group(asked->bus, asked->group))
                            : node.mesh_work().group(asked->bus, asked->group);
  if (!group) return error_response(group.error());
  return {200, group_json(group->value, group->unreached)};
}

Response pause(Node& node, const Request& request, const std::string& name, bool paused) {
  const auto query =
      paused ? Query::read(request.query, {"bus", "reason"}) : Query::read(request.query, {"bus"});
  if (!query) return error_response(query.error());
  if (auto refusal = refuse_content(request)) return std::move(*refusal);
  const auto asked = named(node, *query, name);
  if (!asked) return error_response(asked.error());
  MeshWork& work = node.mesh_work();
  const auto group = paused ? work.pause(asked->bus, asked->group, query->text("reason").value_or(""))
                            : work.resume(asked->bus, asked->group);
  if (!group) return error_response(group.error());
  return {200, group_json(group->value, group->unreached)};
}

Response remove(Node& node, const Request& request, const std::string& name) {
  const auto query = Query::read(request.query, {"bus", "cancel"});
  const auto cancel = query ? query->flag("cancel") : Result<bool>(tl::unexpected(query.error()));
  if (!cancel) return error_response(cancel.error());
  const auto asked = named(node, *query, name);
  if (!asked) return error_response(asked.error());
  const auto cancelled = node.mesh_work().remove(asked->bus, asked->group, *cancel);
  if (!cancelled) return error_response(cancelled.error());
  return {200, removed_group_json(asked->bus, name, cancelled->value, cancelled->unreached)};
}

Response life(Node& node, const Request& request, const std::string& name) {
  const auto local = local_of(Query::read(request.query, {"local"}));
  if (!local) return error_response(local.error());
  const auto id = EventId::parse(name);
  if (!id) return error_response(id.error());
  const auto life = *local ? alone(node.group_work().event(*id)) : node.mesh_work().event(*id);
  if (!life) return error_response(life.error());
  return {200, life_json(life->value, life->unreached)};
}

/// Several events at once, when nothing is owed for them any more or `wait` has passed.
Response wait_over(Node& node, const Request& request) {
  const auto query = Query::read(request.query, {"wait"}, {"event"});
  if (!query) return error_response(query.error());
  const auto wait = query->number("wait", 0, 0, request_wait_ms_max);
  if (!wait) return error_response(wait.error());
  std::vector<EventId> events;
  for (const std::string& text : query->all("event")) {
    const auto id = EventId::parse(text);
    if (!id) return error_response(id.error());
    events.push_back(*id);
  }
  const auto lives =
      node.group_work().wait_over(events, std::chrono::milliseconds(static_cast<std::int64_t>(*wait)));
  if (!lives) return error_response(lives.error());
  return {200, lives_json(*lives)};
}

}  // namespace

Result<bool> local_of(const Result<Query>& query) {
  if (!query) return tl::unexpected(query.error());
  return query->flag("local");
}

void add_group_routes(Routes& routes, Node& node) {
  routes.add("GET", "/api/v1/groups",
             [&node](const Request& request, const std::string&) { return list(node, request); });
  routes.add("GET", "/api/v1/groups/*",
             [&node](const Request& request, const std::string& name) { return show(node, request, name); });
  routes.add("DELETE", "/api/v1/groups/*", [&node](const Request& request, const std::string& name) {
    return remove(node, request, name);
  });
  routes.add("POST", "/api/v1/groups/*/pause", [&node](const Request& request, const std::string& name) {
    return pause(node, request, name, true);
  });
  routes.add("POST", "/api/v1/groups/*/resume", [&node](const Request& request, const std::string& name) {
    return pause(node, request, name, false);
  });
  routes.add("GET", "/api/v1/events/over",
             [&node](const Request& request, const std::string&) { return wait_over(node, request); });
  routes.add("GET", "/api/v1/events/*",
             [&node](const Request& request, const std::string& name) { return life(node, request, name); });
}

}  // namespace evmesh::admin
