#include <catch2/catch.hpp>

#include "event/json_text.hpp"

using namespace evmesh;
using namespace evmesh::event;

namespace {

std::string refusal(std::string_view text) {
  const auto checked = check_json(text);
  return checked ? "" : checked.error().message;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string minified(std::string_view text) {
  std::string out;
  append_minified(out, text);
  return out;
}

}  // namespace

TEST_CASE("any one JSON value passes the check", "[json]") {
  CHECK(refusal("null") == "");
  CHECK(refusal(" [1, -2.5e3, \"x\", {\"a\": {}}] \r\n") == "");
  CHECK(refusal(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})") == "");
  CHECK(refusal(std::string(32, '[') + std::string(32, ']')) == "");
}

TEST_CASE("what is not exactly one JSON value is refused by its byte", "[json]") {
  CHECK(refusal("") == "not JSON at byte 1");
  CHECK(refusal("[1,]") == "not JSON at byte 4");
  CHECK(refusal("{} {}") == "not JSON at byte 4");
  CHECK(refusal("{'a':1}") == "not JSON at byte 2");
  CHECK(refusal("[1] // why") == "not JSON at byte 5");
  CHECK(refusal(std::string_view("{}\0{", 4)) == "not JSON at byte 3");
  CHECK(refusal("\"a\xc3\"") == "not UTF-8 at byte 4");
  CHECK(refusal("\xef\xbb\xbf{}") == "JSON begins with a byte order mark; leave it out");
}

TEST_CASE("a member that stands twice in one object is refused, however it is written", "[json]") {
  CHECK(refusal(R"({"a":1,"b":2,"a":3})") == "the member \"a\" stands twice in one object");
  CHECK(refusal(R"({"a":1,"\u0061":3})") == "the member \"a\" stands twice in one object");
  CHECK(refusal(R"([{"x":{"b":1,"b":1}}])") == "the member \"b\" stands twice in one object");
}

TEST_CASE("one level too deep is refused", "[json]") {
  CHECK(refusal(std::string(33, '[') + std::string(33, ']')) == "nested deeper than 32");
  CHECK(refusal(std::string(1'000'000, '[')) == "nested deeper than 32");
}

TEST_CASE("a view gives members with their text as it stands", "[json]") {
  const std::string text = R"( { "a" : 1.50 , "b\n" : [ true,null ,{"]":"}\""}], "c":"\\" } )";
  REQUIRE(check_json(text));

  JsonItems items{JsonView(text)};

  REQUIRE(items.next());
  CHECK(items.name() == "a");
  CHECK(items.value().text() == "1.50");
  CHECK(items.value().kind() == JsonKind::number);
  REQUIRE(items.next());
  CHECK(items.name() == "b\n");
  CHECK(items.value().text() == R"([ true,null ,{"]":"}\""}])");
  CHECK(items.value().count() == 3);
  REQUIRE(items.next());
  CHECK(items.value().string() == "\\");
  CHECK_FALSE(items.next());
  CHECK(JsonView(text).count() == 3);
}

TEST_CASE("a view knows the kind of each value", "[json]") {
  CHECK(JsonView("null").kind() == JsonKind::null);
  CHECK(JsonView("true").kind() == JsonKind::boolean);
  CHECK(JsonView(" false").kind() == JsonKind::boolean);
  CHECK(JsonView("-1").kind() == JsonKind::number);
  CHECK(JsonView("\"\"").kind() == JsonKind::string);
  CHECK(JsonView("[]").kind() == JsonKind::array);
  CHECK(JsonView("{}").kind() == JsonKind::object);
  CHECK(JsonView("[ ]").count() == 0);
}

TEST_CASE("escapes are resolved", "[json]") {
  CHECK(unescape_json(R"(plain)") == "plain");
  CHECK(unescape_json(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
  CHECK(unescape_json(R"(\u0041\u00e9\u20AC\ud83d\ude00)") == "A\u00e9\u20ac\U0001f600");
}

TEST_CASE("strings are written with the escapes they need and no others", "[json]") {
  CHECK(quoted("a/b\"c\\d") == R"("a/b\"c\\d")");
  CHECK(quoted(std::string_view("\0\x1f\n\t\r\b\f", 7)) == R"("\u0000\u001f\n\t\r\b\f")");
  CHECK(quoted("\u00e9\U0001f600") == "\"\u00e9\U0001f600\"");
}

TEST_CASE("bytes that are no UTF-8 are written as the replacement character", "[json]") {
  CHECK(quoted("a\xff\xc3\xa9\xe2\x82") == "\"a\ufffd\u00e9\ufffd\ufffd\"");
}

TEST_CASE("space goes between tokens and stays in strings", "[json]") {
  CHECK(minified(" { \"a b\" : [ 1 , \"\\\" \" ] }\n") == R"({"a b":[1,"\" "]})");
}
