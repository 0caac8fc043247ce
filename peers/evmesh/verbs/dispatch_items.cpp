#include "evmesh/verbs/dispatch_items.hpp"

#include <iostream>
#include <iterator>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "event/base64.hpp"
#include "event/json_text.hpp"

#include "common/files.hpp"

namespace evmesh::cli {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::uint64_t count_max = 1'000'000'000;

Outcome<std::string> read_input(const std::string& file) {
  std::string text;
  if (file == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
    return text;
  }
  return peers::read_file(file);
}

void add_text(std::string& json, std::string_view name, std::string_view value) {
  json.append(",\"").append(name).append("\":");
  event::append_json_string(json, value);
}

/// JSON stays JSON, other text is text, the rest is bytes.
void add_body(std::string& json, const std::string& body) {
  if (event::check_json(body)) {
    json += ",\"payload\":";
    event::append_minified(json, body);
  } else if (base::valid_utf8(body)) {
    add_text(json, "text", body);
  } else {
    add_text(json, "data_base64", event::encode_base64(body));
  }
}

Outcome<void> add_keys(std::string& json, const Arguments& arguments) {
  if (!arguments.has("key")) return {};
  json += ",\"keys\":[";
  bool first = true;
  for (const std::string& text : arguments.all("key")) {
    if (auto key = RegistrationKey::parse(text); !key) return end_with(ExitCode::usage, "-k: " + key.error().message);
    if (!std::exchange(first, false)) json += ',';
    event::append_json_string(json, text);
  }
  json += ']';
  return {};
}

Outcome<void> add_headers(std::string& json, const Arguments& arguments) {
  if (!arguments.has("header")) return {};
  json += ",\"headers\":{";
  bool first = true;
  for (const std::string& text : arguments.all("header")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return end_with(ExitCode::usage, "--header " + base::quoted(text) + ": write NAME=VALUE");
    }
    if (!std::exchange(first, false)) json += ',';
    event::append_json_string(json, text.substr(0, equals));
    json += ':';
    event::append_json_string(json, text.substr(equals + 1));
  }
  json += '}';
  return {};
}

Outcome<Items> from_words(const Arguments& arguments) {
  const auto count = arguments.number("count", 1, 1, count_max);
  if (!count) return tl::unexpected(count.error());
  if (*count > 1 && arguments.has("id")) {
    return end_with(ExitCode::usage, "--id names one event; leave it out with --count " + std::to_string(*count));
  }
  std::string json = "{\"type\":";
  event::append_json_string(json, arguments.words[0]);
  if (arguments.has("user")) add_text(json, "user", arguments.text("user"));
  if (arguments.has("id")) {
    const auto id = EventId::parse(arguments.text("id"));
    if (!id) return end_with(ExitCode::usage, "--id: " + id.error().message);
    add_text(json, "id", id->to_string());
  }
  if (auto added = add_keys(json, arguments); !added) return tl::unexpected(added.error());
  if (auto added = add_headers(json, arguments); !added) return tl::unexpected(added.error());
  if (arguments.words.size() > 1) {
    auto body = arguments.words[1] == "-" ? read_input("-") : Outcome<std::string>(arguments.words[1]);
    if (!body) return tl::unexpected(body.error());
    add_body(json, *body);
  }
  return Items{{json + '}'}, *count};
}

Outcome<Items> from_file(const std::string& file) {
  const auto text = read_input(file);
  if (!text) return tl::unexpected(text.error());
  Items items;
  std::size_t number = 0;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (auto checked = event::check_json(line); !checked) {
      return end_with(ExitCode::data, file + ":" + std::to_string(number) + ": " + checked.error().message +
                                          R"(; each line is one event, like {"type":"t","keys":["User:bob"]})");
    }
    items.items.emplace_back(line);
  }
  if (items.items.empty()) return end_with(ExitCode::data, file + " holds no event");
  return items;
}

}  // namespace

Outcome<Items> read_items(const Arguments& arguments) {
  if (!arguments.has("file")) {
    if (arguments.words.empty()) {
      return end_with(ExitCode::usage, "what to dispatch is missing; it is evmesh dispatch TYPE [BODY|-], or --file FILE");
    }
    return from_words(arguments);
  }
  for (const char* flag : {"id", "user", "header", "key", "count"}) {
    if (!arguments.has(flag)) continue;
    return end_with(ExitCode::usage, "--" + std::string(flag) + " does not go with --file: it stands in the lines");
  }
  if (!arguments.words.empty()) {
    return end_with(ExitCode::usage, base::quoted(arguments.words[0]) + " does not go with --file; leave one out");
  }
  return from_file(arguments.text("file"));
}

}  // namespace evmesh::cli
