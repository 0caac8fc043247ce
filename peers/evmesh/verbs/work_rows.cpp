#include "evmesh/verbs/work_rows.hpp"

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "event/instant.hpp"

#include "common/duration.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

Timestamp now() { return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()); }

/// A time, or how long ago, as a time.
Outcome<std::string> read_time(const Arguments& arguments, std::string_view name) {
  const std::string text = arguments.text(name);
  if (event::parse_instant(text)) return text;
  if (const auto ago = peers::parse_duration(text)) return event::format_instant(now() - *ago);
  return end_with(ExitCode::usage, "--" + std::string(name) + " " + base::quoted(text) +
                                       ": write a time like 2026-11-22T09:00:00Z, or how long ago, like 2h");
}

}  // namespace

std::string number_text(std::uint64_t value) { return std::to_string(value); }

std::string age_text(const std::string& json) {
  const Json time = Json::parse(json);
  if (time.is_null()) return {};
  const auto instant = event::parse_instant(time.get<std::string>());
  if (!instant) return time.get<std::string>();
  const auto age = now() - std::chrono::floor<std::chrono::microseconds>(*instant);
  return format_age(static_cast<double>(std::max(age.count(), decltype(age)::rep{0})));
}

std::string short_id(const std::string& json) {
  constexpr std::size_t digits = 8;
  const Json id = Json::parse(json);
  return id.is_null() ? std::string() : id.get<std::string>().substr(0, digits);
}

std::vector<Flag> filter_flags() {
  return {{"group,g", "GROUP", "only of this group"},
          {"type", "TYPE", "only events of this type"},
          {"match", "TEXT", "only with this in the type, the user, a key or an error"},
          {"event", "UUID", "only of this event"},
          {"since", "TIME", "failed then or later: 2h (ago), or 2026-11-22T09:00:00Z"},
          {"until", "TIME", "failed before"},
          {"bus", "NAME", "only of this bus"}};
}

Outcome<std::string> filter_query(const Arguments& arguments) {
  std::string query;
  for (const std::string_view name : {"bus", "group", "type", "match", "event", "since", "until"}) {
    if (!arguments.has(name)) continue;
    std::string value = arguments.text(name);
    if (name == "since" || name == "until") {
      auto time = read_time(arguments, name);
      if (!time) return time;
      value = std::move(*time);
    }
    query.append("&").append(name).append("=").append(escaped_for_url(value));
  }
  return query;
}

Outcome<void> print_items(const Session& session, const std::string& document, Table table,
                          const ToRow& row) {
  const Json read = Json::parse(document);
  Answer answer;
  for (const auto& item : read.at("items")) {
    answer.lines.push_back(item.dump());
    table.rows.push_back(row(answer.lines.back()));
  }
  answer.tables.push_back(std::move(table));
  answer.json = read.dump();
  // An empty list has no lines; one document is not what a reader of lines expects.
  if (answer.lines.empty() && session.output().form() == Form::jsonl) return {};
  return session.output().print(answer);
}

std::string local_query(const Arguments& arguments, char first) {
  return arguments.has("local") ? first + std::string("local=1") : std::string();
}

std::string bus_query(const Arguments& arguments, char first) {
  return arguments.has("bus") ? first + ("bus=" + escaped_for_url(arguments.text("bus"))) : std::string();
}

}  // namespace evmesh::cli
