#include <chrono>
#include <utility>

#include "base/text.hpp"
#include "event/instant.hpp"

#include "admin/api.hpp"
#include "admin/group_answers.hpp"
#include "admin/group_routes.hpp"

namespace evmesh::admin {
namespace {

constexpr std::uint64_t page_default = 100;
constexpr std::uint64_t page_max = 1'000;

Result<std::optional<Timestamp>> time_of(const Query& query, std::string_view name) {
  const auto text = query.text(name);
  if (!text) return std::nullopt;
  if (const auto instant = event::parse_instant(*text))
    return std::chrono::floor<std::chrono::microseconds>(*instant);
  return fail(ErrorCode::invalid_argument,
              std::string(name) + "=" + base::quoted(*text) + " must be a time like 2026-11-22T09:00:00Z");
}

/// A node's own letters are in the order it kept them, and go on behind a number.
Response own_page(Node& node, const Query& query, const DeadLetterFilter& filter, std::size_t limit,
                  bool whole) {
  const auto after = query.number("after", 0, 0, INT64_MAX);
  if (!after) return error_response(after.error());
  const auto page = node.group_work().dead_letters(filter, *after, limit);
  if (!page) return error_response(page.error());
  return {200, letters_json(*page, whole)};
}

/// Those of all nodes are in the order of their ids, and go on behind an id.
Response mesh_page(Node& node, const Query& query, const DeadLetterFilter& filter, std::size_t limit,
                   bool whole) {
  std::optional<DeadLetterId> after;
  if (const auto text = query.text("after")) {
    const auto id = DeadLetterId::parse(*text);
    if (!id) return error_response(id.error());
    after = *id;
  }
  const auto page = node.mesh_work().dead_letters(filter, after, limit);
  if (!page) return error_response(page.error());
  return {200, letters_json(*page, whole)};
}

/// Of this node alone, or of all.
Result<FromMesh<std::uint64_t>> counted_letters(Node& node, const DeadLetterFilter& filter, bool local) {
  return local ? alone(node.group_work().count_dead_letters(filter))
               : node.mesh_work().count_dead_letters(filter);
}
Result<FromMesh<std::uint64_t>> removed_letters(Node& node, const DeadLetterFilter& filter, bool local) {
  return local ? alone(node.group_work().remove_dead_letters(filter))
               : node.mesh_work().remove_dead_letters(filter);
}

Response list(Node& node, const Request& request) {
  const auto query = Query::read(request.query, {"bus", "group", "type", "match", "event", "since", "until",
                                                 "limit", "after", "whole", "local"});
  const auto local = local_of(query);
  if (!local) return error_response(local.error());
  const auto filter = filter_of(*query);
  if (!filter) return error_response(filter.error());
  const auto limit = query->number("limit", page_default, 1, page_max);
  if (!limit) return error_response(limit.error());
  const auto whole = query->flag("whole");
  if (!whole) return error_response(whole.error());
  return *local ? own_page(node, *query, *filter, *limit, *whole)
                : mesh_page(node, *query, *filter, *limit, *whole);
}

Response count(Node& node, const Request& request) {
  const auto query =
      Query::read(request.query, {"bus", "group", "type", "match", "event", "since", "until", "local"});
  const auto local = local_of(query);
  if (!local) return error_response(local.error());
  const auto filter = filter_of(*query);
  if (!filter) return error_response(filter.error());
  const auto counted = counted_letters(node, *filter, *local);
  if (!counted) return error_response(counted.error());
  return {200, count_json("count", counted->value, counted->unreached)};
}

Response show(Node& node, const Request& request, const std::string& name) {
  const auto local = local_of(Query::read(request.query, {"local"}));
  if (!local) return error_response(local.error());
  const auto id = DeadLetterId::parse(name);
  if (!id) return error_response(id.error());
  const auto letter = *local ? alone(node.group_work().dead_letter(*id)) : node.mesh_work().dead_letter(*id);
  if (!letter) return error_response(letter.error());
  return {200, letter_json(letter->value)};
}

Response remove_one(Node& node, const Request& request, const std::string& name) {
  const auto local = local_of(Query::read(request.query, {"local"}));
  if (!local) return error_response(local.error());
  const auto id = DeadLetterId::parse(name);
  if (!id) return error_response(id.error());
  const auto removed = removed_letters(node, {.id = *id}, *local);
  if (!removed) return error_response(removed.error());
  if (removed->value > 0) return {200, count_json("removed", removed->value, removed->unreached)};
  std::string missing;
  for (const Unreached& each : removed->unreached) missing += "; node " + each.node + " could not be asked";
  return error_response({ErrorCode::not_found, "no dead letter is called " + name + missing});
}

/// Says how many it would be first, so that nobody removes more than was seen.
Response remove_some(Node& node, const Request& request) {
  const auto query = Query::read(
      request.query, {"bus", "group", "type", "match", "event", "since", "until", "confirm", "local"});
  const auto local = local_of(query);
  if (!local) return error_response(local.error());
  const auto filter = filter_of(*query);
  if (!filter) return error_response(filter.error());
  const auto confirmed = query->number("confirm", 0, 0, INT64_MAX);
  if (!confirmed) return error_response(confirmed.error());
  const auto counted = counted_letters(node, *filter, *local);
  if (!counted) return error_response(counted.error());
  const std::string count = std::to_string(counted->value);
  if (counted->value != *confirmed || !query->text("confirm")) {
    return error_response(409, "not_confirmed", "these are " + count + " dead letters",
                          "to remove them for good say confirm=" + count);
  }
  const auto removed = removed_letters(node, *filter, *local);
  if (!removed) return error_response(removed.error());
  return {200, count_json("removed", removed->value, removed->unreached)};
}

Response import(Node& node, const Request& request) {
  if (auto query = Query::read(request.query, {}); !query) return error_response(query.error());
  if (auto refusal = refuse_other_types(request)) return std::move(*refusal);
  const auto imported = node.group_work().import_dead_letters(request.body);
  if (!imported) return error_response(imported.error());
  return {200, imported_json(*imported)};
}

Result<Redelivery> order_of(const Query& query) {
  Redelivery order;
  auto filter = filter_of(query);
  if (!filter) return tl::unexpected(filter.error());
  order.filter = std::move(*filter);
  if (const auto id = query.text("id")) {
    const auto read = DeadLetterId::parse(*id);
    if (!read) return tl::unexpected(read.error());
    order.filter.id = *read;
  }
  const auto limit = query.number("limit", 0, 1, INT64_MAX);
  if (!limit) return tl::unexpected(limit.error());
  order.limit = *limit;
  const auto rate = query.real("rate", 0, 0.001, 1e6);
  if (!rate) return tl::unexpected(rate.error());
  order.per_second = *rate;
  const auto dry = query.flag("dry_run");
  if (!dry) return tl::unexpected(dry.error());
  order.dry_run = *dry;
  return order;
}

Response redeliver(Node& node, const Request& request) {
  const auto query = Query::read(request.query, {"bus", "group", "type", "match", "event", "since", "until",
                                                 "id", "limit", "rate", "dry_run", "local"});
  const auto local = local_of(query);
  if (!local) return error_response(local.error());
  if (auto refusal = refuse_content(request)) return std::move(*refusal);
  const auto order = order_of(*query);
  if (!order) return error_response(order.error());
  const auto task = *local ? alone(node.group_work().redeliver(*order)) : node.mesh_work().redeliver(*order);
  if (!task) return error_response(task.error());
  Response response{201, task_json(task->value, task->unreached)};
  response.headers["Location"] = "/api/v1/tasks/" + task->value.id.to_string();
  return response;
}

Response tasks(Node& node, const Request& request) {
  const auto local = local_of(Query::read(request.query, {"local"}));
  if (!local) return error_response(local.error());
  const auto all = *local ? alone(node.group_work().tasks()) : node.mesh_work().tasks();
  if (!all) return error_response(all.error());
  return {200, tasks_json(all->value, all->unreached)};
}

Response task(Node& node, const Request& request, const std::string& name) {
  const auto query = Query::read(request.query, {"wait", "local"});
  const auto local = local_of(query);
  if (!local) return error_response(local.error());
  const auto wait = query->number("wait", 0, 0, request_wait_ms_max);
  if (!wait) return error_response(wait.error());
  const auto id = TaskId::parse(name);
  if (!id) return error_response(id.error());
  const std::chrono::milliseconds timeout(static_cast<std::int64_t>(*wait));
  const auto status =
      *local ? alone(node.group_work().wait_task(*id, timeout)) : node.mesh_work().wait_task(*id, timeout);
  if (!status) return error_response(status.error());
  return {200, task_json(status->value, status->unreached)};
}

Response cancel(Node& node, const Request& request, const std::string& name) {
  const auto local = local_of(Query::read(request.query, {"local"}));
  if (!local) return error_response(local.error());
  const auto id = TaskId::parse(name);
  if (!id) return error_response(id.error());
  const auto status = *local ? alone(node.group_work().cancel_task(*id)) : node.mesh_work().cancel_task(*id);
  if (!status) return error_response(status.error());
  return {200, task_json(status->value, status->unreached)};
}

}  // namespace

Result<DeadLetterFilter> filter_of(const Query& query) {
  DeadLetterFilter filter;
  filter.bus = query.text("bus").value_or("");
  filter.group = query.text("group").value_or("");
  filter.type = query.text("type").value_or("");
  filter.text = query.text("match").value_or("");
  if (const auto text = query.text("event")) {
    const auto event = EventId::parse(*text);
    if (!event) return tl::unexpected(event.error());
    filter.event = *event;
  }
  const auto since = time_of(query, "since");
  if (!since) return tl::unexpected(since.error());
  filter.since = *since;
  const auto until = time_of(query, "until");
  if (!until) return tl::unexpected(until.error());
  filter.until = *until;
  return filter;
}

void add_letter_routes(Routes& routes, Node& node) {
  routes.add("GET", "/api/v1/dead-letters",
             [&node](const Request& request, const std::string&) { return list(node, request); });
  routes.add("DELETE", "/api/v1/dead-letters",
             [&node](const Request& request, const std::string&) { return remove_some(node, request); });
  routes.add("GET", "/api/v1/dead-letters/count",
             [&node](const Request& request, const std::string&) { return count(node, request); });
  routes.add("POST", std::string(import_path),
             [&node](const Request& request, const std::string&) { return import(node, request); });
  routes.add("POST", "/api/v1/dead-letters/redeliver",
             [&node](const Request& request, const std::string&) { return redeliver(node, request); });
  routes.add("GET", "/api/v1/dead-letters/*",
             [&node](const Request& request, const std::string& name) { return show(node, request, name); });
  routes.add("DELETE", "/api/v1/dead-letters/*", [&node](const Request& request, const std::string& name) {
    return remove_one(node, request, name);
  });
}

void add_task_routes(Routes& routes, Node& node) {
  routes.add("GET", "/api/v1/tasks",
             [&node](const Request& request, const std::string&) { return tasks(node, request); });
  routes.add("GET", "/api/v1/tasks/*",
             [&node](const Request& request, const std::string& name) { return task(node, request, name); });
  routes.add("DELETE", "/api/v1/tasks/*", [&node](const Request& request, const std::string& name) {
    return cancel(node, request, name);
  });
}

}  // namespace evmesh::admin
