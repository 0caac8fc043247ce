#include <catch2/catch.hpp>

#include "admin/routes.hpp"

using namespace evmesh::admin;

namespace {

Routes three_routes() {
  Routes routes;
  routes.add("GET", "/node", [](const Request&, const std::string&) { return Response{200, "node"}; });
  routes.add("GET", "/members/*", [](const Request&, const std::string& name) {
    return Response{200, name};
  });
  routes.add("POST", "/members/*/forget", [](const Request&, const std::string& name) {
    return Response{200, "forget " + name};
  });
  routes.add("GET", "/letters/count", [](const Request&, const std::string&) {
    return Response{200, "count"};
  });
  routes.add("GET", "/letters/*", [](const Request&, const std::string& name) {
    return Response{200, "of " + name};
  });
  routes.add("GET", "/letters/*/of/*", [](const Request&, const std::string& names) {
    return Response{200, names};
  });
  return routes;
}

Response ask(const char* method, const char* path) {
  return three_routes().answer({method, path, {}, {}, {}});
}

}  // namespace

TEST_CASE("a star stands for one segment that is not empty", "[admin]") {
  CHECK(ask("GET", "/members/imap-1").body == "imap-1");
  CHECK(ask("POST", "/members/imap-1/forget").body == "forget imap-1");
  CHECK(ask("GET", "/members/").status == 404);
  CHECK(ask("GET", "/members/a/b").status == 404);
}

TEST_CASE("several stars give their names in order", "[admin]") {
  CHECK(ask("GET", "/letters/index/of/7").body == "index/7");
  CHECK(ask("GET", "/letters/index/of/").status == 404);
  CHECK(ask("GET", "/letters//of/7").status == 404);
  CHECK(ask("GET", "/letters/index/of/7/8").status == 404);
}

TEST_CASE("of routes that match the one that was added first answers", "[admin]") {
  CHECK(ask("GET", "/letters/count").body == "count");
  CHECK(ask("GET", "/letters/counts").body == "of counts");
}

TEST_CASE("a wrong method says which are right", "[admin]") {
  const Response wrong = ask("DELETE", "/node");

  CHECK(wrong.status == 405);
  CHECK(wrong.headers.at("Allow") == "GET");
  CHECK(ask("OPTIONS", "/node").status == 204);
}

TEST_CASE("an unknown path names the nearest route", "[admin]") {
  const Response unknown = ask("GET", "/nodee");

  CHECK(unknown.status == 404);
  CHECK(
      unknown.body ==
      R"({"error":{"code":"unknown_route","message":"there is no \"/nodee\"","hint":"did you mean /node?"}})"
      "\n");
}
