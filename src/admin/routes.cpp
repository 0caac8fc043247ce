#include "admin/routes.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.hpp"

namespace evmesh::admin {
namespace {

/// What stands in the places of the pattern's stars; nothing when the path does not match.
std::optional<std::string> matched(std::string_view pattern, std::string_view path) {
  std::string names;
  for (;;) {
    const std::size_t star = std::min(pattern.find('*'), pattern.size());
    if (!path.starts_with(pattern.substr(0, star))) return std::nullopt;
    path.remove_prefix(star);
    if (star == pattern.size()) return path.empty() ? std::optional(names) : std::nullopt;
    pattern.remove_prefix(star + 1);
    const std::string_view name = path.substr(0, path.find('/'));
    if (name.empty()) return std::nullopt;
    names.append(names.empty() ? "" : "/").append(name);
    path.remove_prefix(name.size());
  }
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
