#include "evmeshd/config_file.hpp"

#include <algorithm>
#include <map>
#include <system_error>

#include "base/limits.hpp"
#include "base/text.hpp"

#include "common/files.hpp"
#include "evmeshd/listeners/listener_keys.hpp"
#include "evmeshd/option_table.hpp"

namespace evmesh::daemon {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::string_view spaces = " \t\r";
constexpr std::uint64_t file_bytes_max = limits::mib;

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

/// A comment mark inside a value counts only after a space: `a#b` is a value.
std::string_view without_comment(std::string_view line) {
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool mark = line[at] == '#' || line[at] == ';';
    if (mark && (at == 0 || spaces.find(line[at - 1]) != std::string_view::npos)) return line.substr(0, at);
  }
  return line;
}

std::vector<std::string> setting_names() {
  std::vector<std::string> all;
  for (const OptionSpec& option : option_table()) all.emplace_back(option.name);
  return all;
}

std::vector<std::string> listener_key_names(const std::string& listener) {
  std::vector<std::string> all;
  for (const ListenerKey& key : listener_keys()) all.push_back(full_name(listener, key.option.name));
  return all;
}

constexpr std::string_view listener_prefix = "listener";

/// As a node's name: it stands in logs and in names of counters.
bool good_listener_name(std::string_view name) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= limits::node_name_bytes_max &&
         name.find_first_not_of(letters) == std::string_view::npos;
}

/// Goes through the lines and keeps what it has learned of them.
class Parser {
 public:
  explicit Parser(const std::string& file) : file_(file) {}

  Outcome<void> take(std::string_view raw) {
    ++number_;
    if (raw.find_first_not_of(spaces) != std::string_view::npos && !base::printable(without_tabs(raw))) {
      return wrong("holds control characters or is not UTF-8");
    }
    const std::string_view line = trimmed(without_comment(raw));
    if (line.empty()) return {};
    if (line.front() == '[') return take_section(line);
    return take_key(line, trimmed(raw));
  }

  ConfigText result() { return std::move(text_); }

 private:
  static std::string without_tabs(std::string_view raw) {
    std::string text(raw);
    std::erase_if(text, [](char c) { return c == '\t' || c == '\r'; });
    return text;
  }

  [[nodiscard]] std::string place() const { return file_ + ":" + std::to_string(number_); }

  [[nodiscard]] tl::unexpected<peers::Failure> wrong(const std::string& why) const {
    return end_with(ExitCode::config, place() + ": " + why);
  }

  Outcome<void> take_section(std::string_view line) {
    if (line.back() != ']' || line.size() < 3) return wrong(base::quoted(line) + " is no [section]");
    section_ = trimmed(line.substr(1, line.size() - 2));
    in_listener_ = section_ == listener_prefix || section_.starts_with(std::string(listener_prefix) + '.');
    return in_listener_ ? take_listener() : Outcome<void>{};
  }

  Outcome<void> take_listener() {
    const std::string name = section_.substr(std::min(section_.size(), listener_prefix.size() + 1));
    if (!good_listener_name(name)) {
      return wrong(
          "the section of a listener is [listener.NAME], NAME of 1 to 64 of A-Z a-z 0-9 . _ -, not " +
          base::quoted('[' + section_ + ']'));
    }
    if (auto again = refuse_second('[' + section_ + ']', "section "); !again) return again;
    text_.listeners.push_back({name, place(), {}});
    return {};
  }

  /// `whole` is the line with what may be a comment.
  Outcome<void> take_key(std::string_view line, std::string_view whole) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return wrong(base::quoted(line) + " is no \"key = value\"");
    const std::string key(trimmed(line.substr(0, equals)));
    if (key.empty()) return wrong("a key is missing before the =");
    if (section_.empty()) return wrong("key " + base::quoted(key) + " stands before any [section]");
    ConfigLine read{section_ + "." + key, std::string(trimmed(line.substr(equals + 1))), place()};
    if (!in_listener_) {
      const OptionSpec* option = find_option(read.name);
      return keep(option, setting_names, std::move(read), text_.lines);
    }
    ConfigListener& listener = text_.listeners.back();
    const ListenerKey* found = find_listener_key(key);
    if (found != nullptr && found->verbatim) read.value = trimmed(whole.substr(equals + 1));
    return keep(
        found == nullptr ? nullptr : &found->option, [&] { return listener_key_names(listener.name); },
        std::move(read), listener.lines);
  }

  template <class Names>
  Outcome<void> keep(const OptionSpec* option, Names names, ConfigLine read, std::vector<ConfigLine>& lines) {
    if (option == nullptr)
      return wrong("unknown key " + base::quoted(read.name) + did_you_mean(read.name, names()));
    if (!option->repeatable) {
      if (auto again = refuse_second(read.name, "key "); !again) return again;
    }
    lines.push_back(std::move(read));
    return {};
  }

  Outcome<void> refuse_second(const std::string& name, const char* what) {
    const auto [first, fresh] = seen_.emplace(name, number_);
    if (fresh) return {};
    return wrong(what + base::quoted(name) + " stands in line " + std::to_string(first->second) + " already");
  }

  const std::string& file_;
  std::string section_;
  bool in_listener_ = false;
  std::size_t number_ = 0;
  std::map<std::string, std::size_t> seen_;
  ConfigText text_;
};

}  // namespace

Outcome<ConfigText> parse_config(std::string_view text, const std::string& file) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // editors of other systems write this mark
  Parser parser(file);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (auto taken = parser.take(text.substr(0, end)); !taken) return tl::unexpected(taken.error());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parser.result();
}

std::string config_line(std::string_view key, std::string_view value) {
  const bool mark = value.starts_with('#') || value.starts_with(';');
  return std::string(key).append(mark ? " =" : " = ").append(value);
}

Outcome<ConfigText> read_config(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error)
    return end_with(ExitCode::config, "config file " + base::quoted(file.native()) + ": " + error.message());
  if (size > file_bytes_max) {
    return end_with(ExitCode::config, "config file " + base::quoted(file.native()) + " has " +
                                          std::to_string(size) + " bytes; 1 MiB is the most");
  }
  auto text = peers::read_file(file);
  if (!text) return end_with(ExitCode::config, "config file: " + text.error().message);
  return parse_config(*text, file.native());
}

}  // namespace evmesh::daemon
