#include <chrono>
#include <utility>

#include <evmesh/mailbox.hpp>

#include "base/text.hpp"
#include "event/json_view.hpp"

#include "admin/group_answers.hpp"
#include "admin/group_routes.hpp"

namespace evmesh::admin {
namespace {

/// Ids that one answer lists; James lists all, which would be without bound.
constexpr std::size_t ids_max = 10'000;

Response refused(int status, const std::string& message) {
  return {status, james_error_json(status, message)};
}

Response refused(const Error& error) {
  const bool unknown = error.code == ErrorCode::not_found || error.code == ErrorCode::unknown_group;
  const bool asked_wrong = error.code == ErrorCode::invalid_argument || error.code == ErrorCode::undecodable;
  return refused(unknown ? 404 : asked_wrong ? 400 : 500, error.message);
}

/// A path's group and, where it has one, insertion id.
Result<DeadLetterFilter> filter_of_path(const std::string& names) {
  DeadLetterFilter filter;
  if (names.empty()) return filter;
  const std::size_t slash = names.find('/');
  filter.group = names.substr(0, slash);
  if (!Group::parse(filter.group)) {
    return fail(ErrorCode::invalid_argument, "Can not deserialize the supplied group: " + filter.group);
  }
  if (slash == std::string::npos) return filter;
  const auto id = DeadLetterId::parse(names.substr(slash + 1));
  if (!id) {
    return fail(ErrorCode::invalid_argument,
                "Can not deserialize the supplied insertionId: " + names.substr(slash + 1));
  }
  filter.id = *id;
  return filter;
}

/// The form of James has no place for nodes that did not answer: they stand in a header.
Response naming(Response response, const std::vector<Unreached>& unreached) {
  std::string names;
  for (const Unreached& each : unreached) names += (names.empty() ? "" : ", ") + each.node;
  if (!names.empty()) response.headers["X-Evmesh-Unreached"] = names;
  return response;
}

Response groups(Node& node) {
  const auto all = node.mesh_work().groups();
  if (!all) return refused(all.error());
  std::vector<std::string> names;
  for (const GroupStatus& group : all->value) {
    const std::string& name = group.group.to_string();
    // One name may stand on several buses.
    if (group.dead > 0 && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return naming({200, james_texts_json(names)}, all->unreached);
}

Response ids(Node& node, const std::string& names) {
  const auto filter = filter_of_path(names);
  if (!filter) return refused(filter.error());
  std::vector<std::string> found;
  std::vector<Unreached> unreached;
  for (std::optional<DeadLetterId> after; found.size() < ids_max;) {
    auto page = node.mesh_work().dead_letters(*filter, after, 1'000);
    if (!page) return refused(page.error());
    for (const DeadLetterEntry& entry : page->value.items) found.push_back(entry.letter.id.to_string());
    unreached = std::move(page->unreached);
    if (!page->value.next) break;
    after = page->value.next;
  }
  return naming({200, james_texts_json(found)}, unreached);
}

Response show(Node& node, const std::string& names) {
  const auto filter = filter_of_path(names);
  if (!filter) return refused(filter.error());
  const auto page = node.mesh_work().dead_letters(*filter, std::nullopt, 1);
  if (!page) return refused(page.error());
  if (page->value.items.empty()) {
    return naming(refused(404, "There is no event with the insertionId " + filter->id->to_string()),
                  page->unreached);
  }
  const Event& event = page->value.items.front().letter.event;
  const auto typed = mailbox::from_event(event);
  const auto json = typed ? mailbox::encode_json(event) : Result<std::string>(event::to_json_view(event));
  return {200, (json ? *json : event::to_json_view(event)) + "\n"};
}

Response remove(Node& node, const std::string& names) {
  const auto filter = filter_of_path(names);
  if (!filter) return refused(filter.error());
  const auto removed = node.mesh_work().remove_dead_letters(*filter);
  if (!removed) return refused(removed.error());
  return naming({204, ""}, removed->unreached);
}

Response redeliver(Node& node, const Request& request, const std::string& names) {
  const auto query = Query::read(request.query, {"action", "limit"});
  if (!query) return refused(query.error());
  const auto action = query->text("action");
  if (!action)
    return refused(400, "'action' query parameter is compulsory. Supported values are [reDeliver]");
  if (*action != "reDeliver") {
    return refused(400, "Invalid value supplied for query parameter 'action': " + *action +
                            ". Supported values are [reDeliver]");
  }
  const auto filter = filter_of_path(names);
  if (!filter) return refused(filter.error());
  const auto limit = query->number("limit", 0, 1, INT64_MAX);
  if (!limit) return refused(400, "Can not parse limit");
  const auto task = node.mesh_work().redeliver({.filter = *filter, .limit = *limit});
  if (!task) return refused(task.error());
  const std::string id = task->value.id.to_string();
  Response response{201, R"({"taskId":")" + id + "\"}\n"};
  response.headers["Location"] = "/tasks/" + id;
  return naming(std::move(response), task->unreached);
}

Response tasks(Node& node, const Request& request) {
  const auto query = Query::read(request.query, {"status"});
  if (!query) return refused(query.error());
  auto all = node.mesh_work().tasks();
  if (!all) return refused(all.error());
  if (const auto status = query->text("status")) {
    const std::string wanted = *status == "canceled" ? "cancelled" : *status;
    std::erase_if(all->value, [&](const TaskStatus& task) { return to_string(task.state) != wanted; });
  }
  return naming({200, james_tasks_json(all->value, node.status().name)}, all->unreached);
}

Response task(Node& node, const std::string& name) {
  const auto id = TaskId::parse(name);
  if (!id) return refused(400, "Invalid task id: " + name);
  const auto status = node.mesh_work().task(*id);
  if (!status) return refused(status.error());
  return naming({200, james_task_json(status->value, node.status().name)}, status->unreached);
}

/// James waits for a year; a request of ours for a minute.
Response await(Node& node, const Request& request, const std::string& name) {
  const auto query = Query::read(request.query, {"timeout"});
  if (!query) return refused(query.error());
  const auto id = TaskId::parse(name);
  if (!id) return refused(400, "Invalid task id: " + name);
  std::string text = query->text("timeout").value_or(std::to_string(request_wait_ms_max / 1'000));
  if (text.ends_with('s')) text.pop_back();
  const Query::Values seconds{{"timeout", text}};
  const auto wait = Query::read(seconds, {"timeout"})->number("timeout", 0, 0, request_wait_ms_max / 1'000);
  if (!wait) return refused(400, "timeout must be whole seconds, at most 60, like 30s");
  const auto status = node.mesh_work().wait_task(*id, std::chrono::seconds(static_cast<std::int64_t>(*wait)));
  if (!status) return refused(status.error());
  if (!status->value.over()) return refused(408, "The task is not over after " + text + " s");
  return naming({200, james_task_json(status->value, node.status().name)}, status->unreached);
}

Response cancel(Node& node, const std::string& name) {
  const auto id = TaskId::parse(name);
  if (!id) return refused(400, "Invalid task id: " + name);
  const auto status = node.mesh_work().cancel_task(*id);
  if (!status) return refused(status.error());
  return naming({204, ""}, status->unreached);
}

/// A handler for a route without query parameters.
template <class Handle>
Routes::Handler plain(Node& node, Handle handle) {
  return [&node, handle](const Request& request, const std::string& names) {
    if (auto query = Query::read(request.query, {}); !query) return refused(query.error());
    return handle(node, names);
  };
}

template <class Handle>
Routes::Handler asked(Node& node, Handle handle) {
  return [&node, handle](const Request& request, const std::string& names) {
    return handle(node, request, names);
  };
}

}  // namespace

void add_james_routes(Routes& routes, Node& node) {
  const std::string base = "/events/deadLetter";
  routes.add("POST", base, asked(node, redeliver));
  routes.add("GET", base + "/groups",
             plain(node, [](Node& asked, const std::string&) { return groups(asked); }));
  routes.add("GET", base + "/groups/*", plain(node, ids));
  routes.add("DELETE", base + "/groups/*", plain(node, remove));
  routes.add("POST", base + "/groups/*", asked(node, redeliver));
  routes.add("GET", base + "/groups/*/*", plain(node, show));
  routes.add("DELETE", base + "/groups/*/*", plain(node, remove));
  routes.add("POST", base + "/groups/*/*", asked(node, redeliver));
  routes.add("GET", "/tasks",
             [&node](const Request& request, const std::string&) { return tasks(node, request); });
  routes.add("GET", "/tasks/*", plain(node, task));
  routes.add("GET", "/tasks/*/await", asked(node, await));
  routes.add("DELETE", "/tasks/*", plain(node, cancel));
}

}  // namespace evmesh::admin
