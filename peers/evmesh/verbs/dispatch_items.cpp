#include "evmesh/verbs/dispatch_items.hpp"

#include <iostream>
#include <iterator>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>

#include "base/text.hpp"
#include "event/json_text.hpp"

#include "evmesh/verbs/dispatch_lines.hpp"

namespace evmesh::cli {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::uint64_t count_max = 1'000'000'000;

/// One event, dispatched several times.
class Repeated final : public Items {
 public:
  Repeated(std::string item, std::uint64_t count) : item_(std::move(item)), count_(count) {}

  Outcome<std::optional<std::string>> next(bool) override {
    if (ended()) return std::nullopt;
    ++given_;
    return item_;
  }
  bool ended() const override { return given_ == count_; }
  std::optional<std::uint64_t> count() const override { return count_; }

 private:
  const std::string item_;
  const std::uint64_t count_;
  std::uint64_t given_ = 0;
};

void add_text(std::string& json, std::string_view name, std::string_view value) {
  json.append(",\"").append(name).append("\":");
  event::append_json_string(json, value);
}

/// JSON stays JSON, other text is text, the rest is bytes.
void add_body(std::string& json, const std::string& body) {
  if (event::check_json(body)) {
    json += ",\"payload\":";
    event::append_minified(json, body);
  } else {
    append_bytes(json, body);
  }
}

Outcome<void> add_keys(std::string& json, const Arguments& arguments) {
  if (!arguments.has("key")) return {};
  json += ",\"keys\":[";
  bool first = true;
  for (const std::string& text : arguments.all("key")) {
    if (auto key = RegistrationKey::parse(text); !key)
      return end_with(ExitCode::usage, "-k: " + key.error().message);
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

Outcome<std::unique_ptr<Items>> from_words(const Arguments& arguments) {
  const auto count = arguments.number("count", 1, 1, count_max);
  if (!count) return tl::unexpected(count.error());
  if (*count > 1 && arguments.has("id")) {
    return end_with(ExitCode::usage,
                    "--id names one event; leave it out with --count " + std::to_string(*count));
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
    const bool standard_input = arguments.words[1] == "-";
    add_body(json,
             standard_input ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : arguments.words[1]);
  }
  return std::make_unique<Repeated>(json + '}', *count);
}

}  // namespace

Outcome<std::unique_ptr<Items>> read_items(const Arguments& arguments) {
  if (!arguments.has("file")) {
    if (arguments.words.empty()) {
      return end_with(ExitCode::usage,
                      "what to dispatch is missing; it is evmesh dispatch TYPE [BODY|-], or --file FILE");
    }
    return from_words(arguments);
  }
  for (const char* flag : {"id", "user", "header", "key", "count"}) {
    if (!arguments.has(flag)) continue;
    return end_with(ExitCode::usage,
                    "--" + std::string(flag) + " does not go with --file: it stands in the lines");
  }
  if (!arguments.words.empty()) {
    return end_with(ExitCode::usage,
                    base::quoted(arguments.words[0]) + " does not go with --file; leave one out");
  }
  return open_lines(arguments.text("file"));
}

}  // namespace evmesh::cli
