#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "admin/http.hpp"

namespace evmesh::admin {

/// Which handler answers which method and path. Filled once, then read by many threads.
class Routes {
 public:
  /// `name` is what stood in the place of `*`, with several of them joined by a slash; empty when the pattern
  /// has none.
  using Handler = std::function<Response(const Request& request, const std::string& name)>;

  /// `pattern` is a path; a segment of it may be `*` and matches any single segment that is not empty. Of
  /// patterns that match a path the one that was added first answers.
  void add(std::string method, std::string pattern, Handler handler);

  /// The handler's answer, or 404 with the nearest route, 405 with Allow, 204 for OPTIONS.
  [[nodiscard]] Response answer(const Request& request) const;

 private:
  struct Route {
    std::string pattern;
    std::map<std::string, Handler> by_method;
  };

  [[nodiscard]] Response unknown(const std::string& path) const;

  std::vector<Route> routes_;
};

}  // namespace evmesh::admin
