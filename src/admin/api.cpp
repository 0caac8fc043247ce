#include "admin/api.hpp"

#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "event/json_text.hpp"

#include "admin/answers.hpp"
#include "admin/group_routes.hpp"
#include "admin/health.hpp"
#include "admin/query.hpp"

namespace evmesh::admin {
namespace {

constexpr std::string_view events_path = "/api/v1/events";

/// Runs `build` when the request has no query parameter.
template <class Build>
Response without_query(const Request& request, Build build) {
  if (auto query = Query::read(request.query, {}); !query) return error_response(query.error());
  return build();
}

}  // namespace

Result<EventBus*> bus_of(Node& node, const std::optional<std::string>& name) {
  if (!name) return &node.bus();
  return node.bus(*name);
}

std::optional<Response> refuse_other_types(const Request& request) {
  const std::string_view type =
      std::string_view(request.content_type).substr(0, request.content_type.find(';'));
  if (type == "application/json") return std::nullopt;
  return error_response(415, "wrong_content_type", "Content-Type is " + base::quoted(request.content_type),
                        "send application/json");
}

std::optional<Response> refuse_content(const Request& request) {
  if (request.body.empty()) return std::nullopt;
  if (auto refusal = refuse_other_types(request)) return refusal;
  if (auto checked = event::check_json(request.body); !checked) return error_response(checked.error());
  const event::JsonView body(request.body);
  if (body.kind() != event::JsonKind::object) {
    return error_response(400, "invalid_argument", "the body must be empty or {}");
  }
  event::JsonItems members(body);
  if (!members.next()) return std::nullopt;
  return error_response(400, "invalid_argument",
                        "unknown member " + base::quoted(members.name()) + "; this route takes none");
}

Api::Api(Node& node, Options options) : node_(node), options_(std::move(options)) { add_routes(); }

void Api::add_routes() {
  const auto get = [this](std::string path, Response (Api::*handler)(const Request&) const) {
    routes_.add("GET", std::move(path), [this, handler](const Request& request, const std::string&) {
      return (this->*handler)(request);
    });
  };
  get("/healthz", &Api::health);
  get("/healthcheck", &Api::health);
  get("/readyz", &Api::ready);
  get("/api/v1/node", &Api::node);
  get("/api/v1/members", &Api::members);
  get("/api/v1/keys", &Api::keys);
  get("/api/v1/keys/explain", &Api::explain);
  get("/api/v1/events/seen", &Api::seen);
  routes_.add("GET", "/livez", [](const Request& request, const std::string&) {
    return without_query(request, [] {
      return Response{200, R"({"schema":"evmesh.live.v1","status":"live"})"
                           "\n"};
    });
  });
  routes_.add("GET", "/api/v1/version", [](const Request& request, const std::string&) {
    return without_query(request, [] { return Response{200, version_json()}; });
  });
  routes_.add("GET", "/api/v1/members/*",
              [this](const Request& request, const std::string& name) { return member(request, name); });
  routes_.add("POST", "/api/v1/members/*/forget",
              [this](const Request& request, const std::string& name) { return forget(request, name); });
  routes_.add("POST", "/api/v1/node/leave",
              [this](const Request& request, const std::string&) { return leave(request); });
  routes_.add("POST", std::string(events_path),
              [this](const Request& request, const std::string&) { return dispatch(request); });
  routes_.add("GET", "/api/v1/stream",
              [this](const Request& request, const std::string&) { return stream(request); });
  routes_.add("POST", "/api/v1/deliveries/*", [this](const Request& request, const std::string& number) {
    return answer_delivery(request, number);
  });
  add_group_routes(routes_, node_);
  add_letter_routes(routes_, node_);
  add_task_routes(routes_, node_);
  add_james_routes(routes_, node_);
}

Response Api::answer(const Request& request) {
  requests_.fetch_add(1, std::memory_order_relaxed);
  return routes_.answer(request);
}

std::size_t Api::body_bytes_max(std::string_view method, std::string_view path) const {
  if (method == "POST" && path == import_path) return import_body_bytes_max;
  if (method != "POST" || path != events_path) return limits::admin_body_bytes_max;
  // Base64 and JSON escapes make an event larger than it is.
  return static_cast<std::size_t>(options_.event_size_bytes_max) / 10 * 14 + limits::admin_body_bytes_max;
}

Response Api::health(const Request& request) const {
  const auto query = Query::read(request.query, {"strict"});
  const auto strict = query ? query->flag("strict") : Result<bool>(tl::unexpected(query.error()));
  if (!strict) return error_response(strict.error());
  const auto groups = node_.group_work().groups();
  if (!groups) return error_response(groups.error());
  Health health = health_of(node_.status(), *groups);
  const bool bad =
      health.level == Health::Level::unhealthy || (*strict && health.level != Health::Level::healthy);
  return {bad ? 503 : 200, std::move(health.json)};
}

Response Api::ready(const Request& request) const {
  return without_query(request, [&] {
    const NodeStatus status = node_.status();
    if (!status.failed)
      return Response{200, R"({"schema":"evmesh.ready.v1","status":"ready"})"
                           "\n"};
    return error_response(503, "node_failed",
                          status.failure.empty() ? "the node has failed" : status.failure);
  });
}

}  // namespace evmesh::admin
