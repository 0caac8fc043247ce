#include "evmesh/verbs/dispatch_lines.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "event/base64.hpp"
#include "event/json_text.hpp"

#include "common/files.hpp"

namespace evmesh::cli {
namespace {

using event::JsonItems;
using event::JsonKind;
using event::JsonView;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::size_t line_bytes_max = 64 * limits::mib;

bool blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::optional<JsonView> member_of(JsonView object, std::string_view name) {
  for (JsonItems members(object); members.next();) {
    if (event::json_name_is(members.raw_name(), name)) return members.value();
  }
  return std::nullopt;
}

void append_name(std::string& json, std::string_view raw_name) {
  if (json.back() != '{') json += ',';
  json.append("\"").append(raw_name).append("\":");
}

/// An event with a "type".
std::string shortest_event(JsonView object) {
  const bool has_keys = member_of(object, "keys").has_value();
  std::string json = "{";
  for (JsonItems members(object); members.next();) {
    const std::string name = members.name();
    const JsonView value = members.value();
    const bool text = value.kind() == JsonKind::string;
    if ((name == "bus" && text) || (name == "origin" && value.kind() == JsonKind::object)) continue;
    if (name == "text" && text) {
      append_bytes(json, value.string());
    } else if (name == "key" && text && !has_keys) {
      append_name(json, "keys");
      event::append_minified(json.append("["), value.text());
      json += ']';
    } else {
      append_name(json, members.raw_name());
      event::append_minified(json, value.text());
    }
  }
  return json + '}';
}

std::string minified(JsonView value) {
  std::string json;
  event::append_minified(json, value.text());
  return json;
}

/// `{"event":...,"keys":[...]}` around an event.
std::string shortest_wrapped(JsonView object) {
  std::string json = "{";
  for (JsonItems members(object); members.next();) {
    const JsonView value = members.value();
    const bool shorten =
        members.name() == "event" && value.kind() == JsonKind::object && member_of(value, "type");
    append_name(json, members.raw_name());
    json += shorten ? shortest_event(value) : minified(value);
  }
  return json + '}';
}

class Lines final : public Items {
 public:
  Lines(std::string name, peers::Fd opened) : name_(std::move(name)), opened_(std::move(opened)) {}

  Outcome<std::optional<std::string>> next(bool wait) override {
    while (!ended_) {
      if (const auto line = take_line()) {
        auto item = read_line(*line);
        if (!item || *item) return item;
        continue;
      }
      if (at_end_) return end();
      if (!wait && !readable()) break;
      if (auto read = fill(); !read) return tl::unexpected(read.error());
    }
    return std::nullopt;
  }

  bool ended() const override { return ended_; }
  std::uint64_t gaps() const override { return gaps_; }

 private:
  [[nodiscard]] int fd() const { return opened_.valid() ? opened_.get() : STDIN_FILENO; }

  Outcome<std::optional<std::string>> end() {
    ended_ = true;
    if (events_ == 0 && gaps_ == 0) return end_with(ExitCode::data, name_ + " holds no event");
    return std::nullopt;
  }

  std::optional<std::string> take_line() {
    const std::size_t end = buffer_.find('\n', searched_);
    searched_ = buffer_.size();
    if (end == std::string::npos && (!at_end_ || begun_ == buffer_.size())) return std::nullopt;
    const std::size_t line_end = std::min(end, buffer_.size());
    std::string line = buffer_.substr(begun_, line_end - begun_);
    begun_ = std::min(line_end + 1, buffer_.size());
    searched_ = begun_;
    ++number_;
    return line;
  }

  Outcome<std::optional<std::string>> read_line(const std::string& line) {
    if (blank(line)) return std::nullopt;
    auto item = item_of_line(line);
    if (!item) {
      return end_with(item.error().code, name_ + ":" + std::to_string(number_) + ": " + item.error().message);
    }
    ++(*item ? events_ : gaps_);
    return item;
  }

  bool readable() const {
    pollfd waited{fd(), POLLIN, 0};
    return ::poll(&waited, 1, 0) > 0;
  }

  Outcome<void> fill() {
    buffer_.erase(0, begun_);
    searched_ -= begun_;
    begun_ = 0;
    if (buffer_.size() > line_bytes_max) {
      return end_with(ExitCode::data,
                      name_ + ":" + std::to_string(number_ + 1) + ": the line has more than 64 MiB");
    }
    std::array<char, 65536> piece;
    ssize_t got = -1;
    do {
      got = ::read(fd(), piece.data(), piece.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return tl::unexpected(peers::io_failure("read", name_, errno));
    at_end_ = got == 0;
    buffer_.append(piece.data(), static_cast<std::size_t>(got));
    return {};
  }

  const std::string name_;
  const peers::Fd opened_;  // not valid: standard input
  std::string buffer_;
  std::size_t begun_ = 0;     // where the next line begins
  std::size_t searched_ = 0;  // no line end before
  std::uint64_t number_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t gaps_ = 0;
  bool at_end_ = false;  // nothing more to read
  bool ended_ = false;   // nothing more to give
};

}  // namespace

void append_bytes(std::string& json, std::string_view bytes) {
  std::string text;
  if (base::valid_utf8(bytes)) event::append_json_string(text, bytes);
  const std::size_t base64_bytes = (bytes.size() + 2) / 3 * 4 + 2;
  const bool as_text = !text.empty() && text.size() <= base64_bytes + sizeof("data_base64") - sizeof("text");
  append_name(json, as_text ? "text" : "data_base64");
  json += as_text ? text : '"' + event::encode_base64(bytes) + '"';
}

Outcome<std::optional<std::string>> item_of_line(std::string_view line) {
  if (auto checked = event::check_json(line); !checked) {
    return end_with(ExitCode::data, checked.error().message +
                                        R"(; each line is one event, like {"type":"t","keys":["User:bob"]})");
  }
  const JsonView item(line);
  if (item.kind() != JsonKind::object) return minified(item);
  if (member_of(item, "type")) return shortest_event(item);
  if (member_of(item, "event")) return shortest_wrapped(item);
  if (item.count() == 1 && member_of(item, "gap")) return std::nullopt;
  return minified(item);
}

Outcome<std::unique_ptr<Items>> open_lines(const std::string& file) {
  if (file == "-") return std::make_unique<Lines>(file, peers::Fd());
  peers::Fd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return tl::unexpected(peers::io_failure("read", file, errno));
  return std::make_unique<Lines>(file, std::move(opened));
}

}  // namespace evmesh::cli
