#include "evmesh/verbs/listen_printer.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

#include "common/files.hpp"
#include "evmesh/interrupt.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::Outcome;

// A stream has no end to look at before the first row, so its columns have fixed widths.
constexpr std::string_view row_format = "{:<13}  {:<24}  {:<12}  {:<28}  {}\n";
constexpr std::size_t content_chars_max = 60;
constexpr const char* document_end = "\n]}\n";

Outcome<void> written(int error) {
  if (error == 0) return {};
  return peers::end_with(peers::ExitCode::io, "cannot write to standard output: " + peers::errno_text(error));
}

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string content_of(const Json& event) {
  if (event.contains("payload"))
    return event.at("payload").dump(-1, ' ', false, Json::error_handler_t::replace);
  if (event.contains("text")) return text_of(event, "text");
  return text_of(event, "data_base64");
}

std::string registered_notice(const Json& registered) {
  std::string known;
  for (const auto& peer : registered.at("acknowledged"))
    known.append(known.empty() ? "" : ", ").append(text_of(peer, "name"));
  std::string missing;
  for (const auto& name : registered.at("missing"))
    missing.append(missing.empty() ? "" : ", ").append(name.get<std::string>());
  std::string notice = "listening";
  if (!known.empty())
    notice += "; known to " + known + " after " + format_age(registered.at("elapsed_us").get<double>());
  if (!missing.empty()) notice += "; not yet known to " + missing + ", whose events may not come";
  return notice;
}

std::string name_of(const std::string& publisher, const NodeNames& names) {
  if (publisher.empty()) return "here";
  const auto found = names.find(publisher);
  constexpr std::size_t short_id = 8;
  return found == names.end() ? publisher.substr(0, short_id) : found->second;
}

std::string gap_notice(const Json& gap, const NodeNames& names) {
  if (gap.contains("dropped")) {
    return fmt::format("gap: {} lines were dropped because they were not read in time",
                       gap.at("dropped").dump());
  }
  const std::string to = gap.at("to").is_null() ? "the end of that life" : gap.at("to").dump();
  return fmt::format("gap: numbers {} to {} of {} are missing ({})", gap.at("from").dump(), to,
                     name_of(text_of(gap, "publisher"), names), text_of(gap, "reason"));
}

/// The time of day is enough for a person.
std::string short_time(const std::string& time) {
  const std::size_t day_end = time.find('T');
  if (day_end == std::string::npos) return time;
  constexpr std::size_t with_milliseconds = 12;
  std::string clock = time.substr(day_end + 1, with_milliseconds);
  return clock.ends_with('Z') ? clock.substr(0, clock.size() - 1) : clock;
}

}  // namespace

Outcome<StreamLine> read_stream_line(const std::string& line, const NodeNames& names) {
  StreamLine read;
  if (line.empty()) return read;
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object())
    return peers::end_with(peers::ExitCode::bug, "the node sent no JSON object: " + base::quoted(line));
  read.json = line;
  if (json.contains("registered")) {
    read.kind = StreamLine::Kind::registered;
    read.notice = registered_notice(json.at("registered"));
    return read;
  }
  if (json.contains("gap")) {
    read.kind = StreamLine::Kind::gap;
    read.notice = gap_notice(json.at("gap"), names);
    return read;
  }
  read.kind = StreamLine::Kind::event;
  read.type = text_of(json, "type");
  read.user = text_of(json, "user");
  read.key = text_of(json, "key");
  read.bus = text_of(json, "bus");
  read.id = text_of(json, "id");
  read.time = text_of(json, "time");
  read.content = content_of(json);
  if (json.contains("delivery")) {
    read.group = text_of(json, "group");
    read.delivery = json.at("delivery").get<std::uint64_t>();
    read.attempt = json.at("attempt").get<std::uint64_t>();
    read.possibly_duplicate = json.at("possibly_duplicate").get<bool>();
  }
  if (json.contains("origin")) {
    read.publisher = text_of(json.at("origin"), "publisher");
    read.seq = json.at("origin").at("seq").get<std::uint64_t>();
  }
  return read;
}

Outcome<void> StreamPrinter::begin() {
  switch (output_.form()) {
    case Form::table:
      return output_.print_raw(fmt::format(row_format, "TIME", "TYPE", "FROM", "KEY", "CONTENT"));
    case Form::json:
      return written(write_document(R"({"schema":"evmesh.events.v1","items":[)", document_end));
    case Form::jsonl: return {};
  }
  return {};
}

Outcome<void> StreamPrinter::item(const std::string& json) {
  if (output_.form() == Form::jsonl) return output_.print_raw(json + "\n");
  return written(write_document((std::exchange(first_, false) ? "\n" : ",\n") + json, document_end));
}

Outcome<void> StreamPrinter::event(const StreamLine& line) {
  if (output_.form() != Form::table) return item(line.json);
  const std::string key = line.key.empty() ? "-" : shown(line.key, content_chars_max);
  return output_.print_raw(fmt::format(row_format, short_time(line.time), shown(line.type, content_chars_max),
                                       shown(name_of(line.publisher, names_), content_chars_max), key,
                                       shown(line.content, content_chars_max)));
}

Outcome<void> StreamPrinter::gap(const StreamLine& line) {
  if (output_.form() != Form::table) return item(line.json);
  return output_.print_raw("-- " + line.notice + "\n");
}

Outcome<void> StreamPrinter::finish() {
  return output_.form() == Form::json ? written(write_document(document_end, nullptr)) : Outcome<void>{};
}

}  // namespace evmesh::cli
