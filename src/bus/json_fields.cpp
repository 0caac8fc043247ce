#include "bus/json_fields.hpp"

#include <charconv>
#include <utility>

#include "base/text.hpp"
#include "event/instant.hpp"

namespace evmesh::bus {

using event::JsonItems;
using event::JsonKind;
using event::JsonView;

void JsonWriter::begin(std::string_view name) {
  if (json_.size() > 1) json_ += ',';
  event::append_json_string(json_, name);
  json_ += ':';
}

JsonWriter& JsonWriter::text(std::string_view name, std::string_view value) {
  begin(name);
  event::append_json_string(json_, value);
  return *this;
}

JsonWriter& JsonWriter::number(std::string_view name, std::uint64_t value) {
  return raw(name, std::to_string(value));
}

JsonWriter& JsonWriter::real(std::string_view name, double value) {
  char digits[32];
  const auto written = std::to_chars(std::begin(digits), std::end(digits), value);
  return raw(name, {digits, static_cast<std::size_t>(written.ptr - digits)});
}

JsonWriter& JsonWriter::flag(std::string_view name, bool value) {
  return raw(name, value ? "true" : "false");
}

JsonWriter& JsonWriter::time(std::string_view name, Timestamp value) {
  return text(name, event::format_instant(value));
}

JsonWriter& JsonWriter::texts(std::string_view name, const std::vector<std::string>& values) {
  begin(name);
  json_ += '[';
  for (const std::string& value : values) {
    if (json_.back() != '[') json_ += ',';
    event::append_json_string(json_, value);
  }
  json_ += ']';
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view name, std::string_view json) {
  begin(name);
  json_ += json;
  return *this;
}

JsonReader::JsonReader(std::string_view text) {
  if (auto checked = event::check_json(text); !checked) {
    wrong(checked.error());
  } else {
    read(JsonView(text));
  }
}

void JsonReader::read(JsonView object) {
  if (object.kind() != JsonKind::object) {
    return wrong(
        {ErrorCode::undecodable, "a JSON object is expected, not " + std::string(to_string(object.kind()))});
  }
  for (JsonItems items(object); items.next();) members_.emplace(items.name(), items.value());
}

void JsonReader::wrong(const Error& error) {
  if (!error_) error_ = error;
}

void JsonReader::wrong(std::string_view name, std::string_view why) {
  wrong({ErrorCode::undecodable, "member " + base::quoted(name) + ' ' + std::string(why)});
}

std::optional<JsonView> JsonReader::take(std::string_view name) {
  const auto found = members_.find(name);
  if (found == members_.end()) return std::nullopt;
  const JsonView value = found->second;
  members_.erase(found);
  return value.kind() == JsonKind::null ? std::nullopt : std::optional(value);
}

JsonView JsonReader::must(std::string_view name) {
  const auto found = take(name);
  if (!found) wrong(name, "is missing");
  return found.value_or(JsonView());
}

std::string JsonReader::string_of(std::string_view name, JsonView value) {
  if (value.kind() == JsonKind::string) return value.string();
  wrong(name, "must be a text");
  return {};
}

std::string JsonReader::text(std::string_view name, std::string_view otherwise) {
  const auto found = take(name);
  return found ? string_of(name, *found) : std::string(otherwise);
}

std::uint64_t JsonReader::number(std::string_view name, std::uint64_t high) {
  const auto found = take(name);
  return found ? number_of(name, *found, high) : 0;
}

std::uint64_t JsonReader::number_of(std::string_view name, JsonView view, std::uint64_t high) {
  const std::string_view digits = view.text();
  std::uint64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (read.ec == std::errc{} && read.ptr == digits.data() + digits.size() && value <= high) return value;
  wrong(name, "must be a whole number from 0 to " + std::to_string(high));
  return 0;
}

double JsonReader::real(std::string_view name) {
  const auto found = take(name);
  if (!found) return 0;
  double value = 0;
  const std::string_view digits = found->text();
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (found->kind() == JsonKind::number && read.ec == std::errc{}) return value;
  wrong(name, "must be a number");
  return 0;
}

bool JsonReader::flag(std::string_view name) {
  const auto found = take(name);
  if (found && found->kind() != JsonKind::boolean) wrong(name, "must be true or false");
  return found && found->text() == "true";
}

std::optional<Timestamp> JsonReader::time(std::string_view name) {
  const auto found = take(name);
  if (!found) return std::nullopt;
  const auto read = event::parse_instant(string_of(name, *found));
  if (read) return std::chrono::floor<std::chrono::microseconds>(*read);
  wrong(name, "must be a time like 2026-11-22T09:00:00Z");
  return std::nullopt;
}

std::vector<JsonView> JsonReader::items(std::string_view name) {
  const auto found = take(name);
  return found ? elements(name, *found) : std::vector<JsonView>();
}

std::vector<JsonView> JsonReader::elements(std::string_view name, JsonView array) {
  std::vector<JsonView> values;
  if (array.kind() != JsonKind::array) {
    wrong(name, "must be an array");
    return values;
  }
  for (JsonItems items(array); items.next();) values.push_back(items.value());
  return values;
}

std::vector<std::string> JsonReader::texts(std::string_view name) {
  std::vector<std::string> values;
  for (const JsonView item : items(name)) values.push_back(string_of(name, item));
  return values;
}

std::vector<std::uint64_t> JsonReader::numbers(std::string_view name) {
  std::vector<std::uint64_t> values;
  for (const JsonView item : items(name)) values.push_back(number_of(name, item, ~std::uint64_t{0}));
  return values;
}

Result<void> JsonReader::finish() const {
  if (error_) return tl::unexpected(*error_);
  if (members_.empty()) return {};
  return fail(ErrorCode::undecodable, "unknown member " + base::quoted(members_.begin()->first));
}

}  // namespace evmesh::bus
