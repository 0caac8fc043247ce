#include "bus/json_fields.hpp"

#include <catch2/catch.hpp>
#include <evmesh/ids.hpp>

using namespace evmesh;
using namespace evmesh::bus;

TEST_CASE("members are read as they were written", "[bus][json_fields]") {
  const Timestamp time{std::chrono::seconds{1'700'000'000}};
  const std::string json = JsonWriter()
                               .text("text", "a \"b\"")
                               .number("number", 18'446'744'073'709'551'615ULL)
                               .real("real", 0.25)
                               .flag("flag", true)
                               .time("time", time)
                               .texts("texts", {"x", "y"})
                               .raw("raw", "[1,2]")
                               .done();
  CHECK(json == R"({"text":"a \"b\"","number":18446744073709551615,"real":0.25,"flag":true,)"
                R"("time":"2023-11-14T22:13:20Z","texts":["x","y"],"raw":[1,2]})");

  JsonReader read(json);
  CHECK(read.text("text") == "a \"b\"");
  CHECK(read.number("number") == 18'446'744'073'709'551'615ULL);
  CHECK(read.real("real") == 0.25);
  CHECK(read.flag("flag"));
  CHECK(read.time("time") == time);
  CHECK(read.texts("texts") == std::vector<std::string>{"x", "y"});
  CHECK(read.numbers("raw") == std::vector<std::uint64_t>{1, 2});
  CHECK(read.finish());
}

TEST_CASE("the first thing that is wrong is said, with its member", "[bus][json_fields]") {
  const auto why = [](JsonReader& json) { return json.finish().error().message; };

  JsonReader text(R"({"a":1})");
  static_cast<void>(text.text("a"));
  CHECK(why(text) == "member \"a\" must be a text");

  JsonReader number(R"({"a":-1})");
  static_cast<void>(number.number("a", 7));
  CHECK(why(number) == "member \"a\" must be a whole number from 0 to 7");

  JsonReader high(R"({"a":8})");
  static_cast<void>(high.number("a", 7));
  CHECK_FALSE(high.finish());

  JsonReader missing("{}");
  static_cast<void>(missing.must("a"));
  CHECK(why(missing) == "member \"a\" is missing");

  JsonReader unknown(R"({"a":1})");
  CHECK(why(unknown) == "unknown member \"a\"");

  JsonReader id(R"({"a":"x"})");
  CHECK(id.parsed<EventId>("a", {}).nil());
  CHECK(why(id).starts_with("member \"a\" "));

  JsonReader real(R"({"a":"0.5"})");
  static_cast<void>(real.real("a"));
  CHECK(why(real) == "member \"a\" must be a number");

  JsonReader flag(R"({"a":1})");
  static_cast<void>(flag.flag("a"));
  CHECK(why(flag) == "member \"a\" must be true or false");

  JsonReader time(R"({"a":"noon"})");
  CHECK_FALSE(time.time("a"));
  CHECK(why(time) == "member \"a\" must be a time like 2026-11-22T09:00:00Z");

  JsonReader items(R"({"a":{}})");
  CHECK(items.items("a").empty());
  CHECK(why(items) == "member \"a\" must be an array");

  JsonReader texts(R"({"a":["x",1]})");
  static_cast<void>(texts.texts("a"));
  CHECK(why(texts) == "member \"a\" must be a text");

  JsonReader array("[]");
  CHECK_FALSE(array.finish());
  JsonReader broken("{");
  CHECK_FALSE(broken.finish());
}

TEST_CASE("members that are absent or null have the value that says so", "[bus][json_fields]") {
  JsonReader read(R"({"text":null,"flag":null,"time":null})");

  CHECK(read.text("text", "otherwise") == "otherwise");
  CHECK(read.number("number") == 0);
  CHECK(read.real("real") == 0);
  CHECK_FALSE(read.flag("flag"));
  CHECK_FALSE(read.time("time"));
  CHECK(read.items("items").empty());
  CHECK(read.parsed<EventId>("id", {}).nil());
  CHECK(read.finish());
}
