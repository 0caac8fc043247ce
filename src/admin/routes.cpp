#include "admin/routes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace evmesh::admin {
namespace {

/// What stands in the place of the pattern's `*`; nothing when the path does not match.
std::optional<std::string> matched(std::string_view pattern, std::string_view path) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == path ? std::optional<std::string>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after)) {
    return std::nullopt;
  }
  const std::string_view name = path.substr(before.size(), path.size() - before.size() - after.size());
  if (name.find('/') != std::string_view::npos) return std::nullopt;
  return std::string(name);
}

}  // namespace

void Routes::add(std::string method, std::string pattern, Handler handler) {
  auto route = std::ranges::find(routes_, pattern, &Route::pattern);
  if (route == routes_.end()) route = routes_.insert(routes_.end(), Route{std::move(pattern), {}});
  route->by_method.emplace(std::move(method), std::move(handler));
}

Response Routes::unknown(const std::string& path) const {
  std::vector<std::string_view> patterns;
  for (const Route& route : routes_) patterns.push_back(route.pattern);
  const auto near = base::nearest(path, patterns);
  return error_response(404, "unknown_route", "there is no " + base::quoted(path),
                        near ? "did you mean " + std::string(*near) + "?" : "");
}

Response Routes::answer(const Request& request) const {
  for (const Route& route : routes_) {
    const auto name = matched(route.pattern, request.path);
    if (!name) continue;
    const auto handler = route.by_method.find(request.method);
    if (handler != route.by_method.end()) return handler->second(request, *name);
    std::string allowed;
    for (const auto& [method, unused] : route.by_method) allowed += (allowed.empty() ? "" : ", ") + method;
    Response response{204, ""};
    if (request.method != "OPTIONS") {
      response =
          error_response(405, "wrong_method",
                         route.pattern + " does not know " + base::quoted(request.method), "use " + allowed);
    }
    response.headers["Allow"] = allowed;
    return response;
  }
  return unknown(request.path);
}

}  // namespace evmesh::admin
