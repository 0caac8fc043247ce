#include "evmeshd/settings.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/mesh_node.hpp"
#include "bus/node_options.hpp"

#include "common/duration.hpp"
#include "common/stderr_log.hpp"
#include "evmeshd/option_table.hpp"
#include "evmeshd/size.hpp"

namespace evmesh::daemon {
namespace {

using peers::ExitCode;
using peers::Failure;
using peers::Outcome;

constexpr std::chrono::seconds join_timeout_max{60};
constexpr std::uint64_t buffer_bytes_max = 64 * 1024 * limits::mib;
constexpr const char* default_listen = "tcp://127.0.0.1:7520";

/// Reads values one by one and keeps the first complaint.
class Reader {
 public:
  explicit Reader(const OptionValues& values) : values_(values) {}

  std::vector<std::string> texts(std::string_view name) {
    const auto found = values_.by_name.find(name);
    if (found == values_.by_name.end()) return {};
    for (std::size_t index = 0; index < found->second.texts.size(); ++index) {
      const std::string& text = found->second.texts[index];
      if (!base::printable(text))
        complain(name, base::quoted(text) + " holds control characters or is not UTF-8", index);
      if (text.empty()) complain(name, "the value is empty; leave the option out instead", index);
    }
    return found->second.texts;
  }

  std::string text(std::string_view name) {
    const auto all = texts(name);
    return all.empty() ? std::string() : all.front();
  }

  template <class T>
  T taken(std::string_view name, Result<T> result, T otherwise) {
    if (result) return std::move(*result);
    complain(name, result.error().message);
    return otherwise;
  }

  template <class T>
  T one_of(std::string_view name, std::initializer_list<std::pair<std::string_view, T>> choices) {
    const std::string written = text(name);
    std::string list;
    for (const auto& [word, value] : choices) {
      if (word == written) return value;
      list.append(list.empty() ? "" : ", ").append(word);
    }
    complain(name, base::quoted(written) + " is none of: " + list);
    return choices.begin()->second;
  }

  std::chrono::milliseconds duration(std::string_view name) {
    const std::string written = text(name);
    auto read = peers::parse_duration(written);
    const bool bare = !written.empty() && written.find_first_not_of("0123456789") == std::string::npos;
    if (!read && bare)
      complain(name, base::quoted(written) + " has no unit; write " + base::quoted(written + "s") + " or " +
                         base::quoted(written + "ms"));
    return taken(name, std::move(read), std::chrono::milliseconds{0});
  }

  std::uint64_t size(std::string_view name) {
    return taken(name, peers::parse_size(text(name)), std::uint64_t{0});
  }

  std::uint32_t count(std::string_view name, std::uint32_t low, std::uint32_t high) {
    const std::string written = text(name);
    std::uint32_t value = 0;
    const char* end = written.data() + written.size();
    const auto read = std::from_chars(written.data(), end, value);
    if (read.ec == std::errc{} && read.ptr == end && value >= low && value <= high) return value;
    complain(name, base::quoted(written) + " must be a whole number from " + std::to_string(low) + " to " +
                       std::to_string(high));
    return low;
  }

  bool is_set(std::string_view name) {
    if (values_.by_name.find(name) == values_.by_name.end()) return false;
    return one_of<bool>(
        name, {{"true", true}, {"false", false}, {"yes", true}, {"no", false}, {"1", true}, {"0", false}});
  }

  /// Whether somebody gave a value, as against a default.
  bool given(std::string_view name) const {
    const auto found = values_.by_name.find(name);
    return found != values_.by_name.end() && found->second.wrong != ExitCode::bug;
  }

  /// `FILE:LINE: node.name`, `--node.name` or `EVMESH_NODE_NAME: node.name`, of the text at `index` of a
  /// repeated setting.
  std::string place(std::string_view name, std::size_t index = 0) const {
    const auto found = values_.by_name.find(name);
    if (found == values_.by_name.end()) return "--" + std::string(name);
    const OptionValue& value = found->second;
    const std::string& origin = index < value.lines.size() ? value.lines[index] : value.origin;
    // A flag's origin says its name already.
    return origin == "--" + std::string(name) ? origin : origin + ": " + std::string(name);
  }

  void complain(std::string_view name, const std::string& why, std::size_t index = 0) {
    if (complaint_) return;
    const auto found = values_.by_name.find(name);
    complaint_ = Failure{found == values_.by_name.end() ? ExitCode::usage : found->second.wrong,
                         place(name, index) + ": " + why};
  }

  /// Complains of `name` when `checked` is an error.
  void check(std::string_view name, const Result<void>& checked, std::size_t index = 0) {
    if (!checked) complain(name, checked.error().message, index);
  }

  const std::optional<Failure>& complaint() const { return complaint_; }

 private:
  const OptionValues& values_;
  std::optional<Failure> complaint_;
};

void fill_in(OptionValues& values, std::string_view name, std::string text) {
  if (values.by_name.find(name) != values.by_name.end()) return;
  values.by_name.emplace(name, OptionValue{{std::move(text)}, "default", ExitCode::bug});
}

void read_mesh(Reader& reader, NodeOptions& node) {
  node.cluster = reader.text("mesh.cluster");
  node.listen = reader.text("mesh.listen");
  node.advertise = reader.text("mesh.advertise");
  node.seeds = reader.texts("mesh.seed");
  node.members_max = reader.count("mesh.max-nodes", 2, limits::members_max);
  node.join_timeout = reader.duration("mesh.join-timeout");
  if (node.join_timeout > join_timeout_max) {
    reader.complain("mesh.join-timeout",
                    base::quoted(reader.text("mesh.join-timeout")) +
                        " is longer than 60s; members that come later are met all the same");
  }
  node.insecure = reader.is_set("mesh.insecure");
}

void read_buses(Reader& reader, NodeOptions& node) {
  node.buses = reader.texts("bus.name");
  node.payload = reader.one_of<PayloadFormat>(
      "bus.payload", {{"binary", PayloadFormat::binary}, {"json", PayloadFormat::json}});
  node.event_size_bytes_max = reader.size("bus.event-size-max");
  node.ring_bytes_max = reader.size("bus.ring-size");
  node.window_bytes = reader.size("bus.window");
  node.notify_wait = reader.duration("bus.notify-wait");
  if (node.event_size_bytes_max == 0 || node.event_size_bytes_max > limits::event_size_bytes_max) {
    reader.complain("bus.event-size-max", "must be 1B to 16MiB");
  }
  if (node.ring_bytes_max < node.window_bytes) {
    // A default is nobody's mistake.
    const bool own = reader.given("bus.ring-size");
    reader.complain(own ? "bus.ring-size" : "bus.window",
                    own ? "must be at least bus.window (" + peers::format_size(node.window_bytes) + ")"
                        : "must not be over bus.ring-size (" + peers::format_size(node.ring_bytes_max) + ")");
  }
  if (node.ring_bytes_max > buffer_bytes_max) reader.complain("bus.ring-size", "must be at most 64GiB");
  if (node.window_bytes > buffer_bytes_max) reader.complain("bus.window", "must be at most 64GiB");
  if (node.window_bytes < node.event_size_bytes_max) {
    // A default is nobody's mistake.
    const bool own = reader.given("bus.window");
    reader.complain(own ? "bus.window" : "bus.event-size-max",
                    "bus.window (" + peers::format_size(node.window_bytes) +
                        ") must hold at least one event of " + "bus.event-size-max (" +
                        peers::format_size(node.event_size_bytes_max) + ")");
  }
}

void read_places(Reader& reader, OptionValues& values, Settings& settings) {
  const std::string data_dir = reader.text("node.data-dir");
  const bool transient = reader.is_set("node.transient");
  if (data_dir.empty() && !transient) {
    reader.complain("node.data-dir",
                    "is needed: give --node.data-dir DIR, or --transient for a node that keeps nothing");
  }
  if (!data_dir.empty() && transient) {
    reader.complain("node.transient",
                    "contradicts node.data-dir " + base::quoted(data_dir) + "; leave one out");
  }
  settings.node.data_dir = data_dir;
  if (!data_dir.empty()) fill_in(values, "admin.socket", data_dir + "/admin.sock");
  settings.admin_socket = reader.text("admin.socket");
  const std::size_t bytes = settings.admin_socket.native().size();
  if (bytes == 0)
    reader.complain("admin.socket", "is needed when there is no data directory: give --admin.socket PATH");
  if (bytes > limits::unix_path_bytes_max) {
    reader.complain("admin.socket",
                    base::quoted(settings.admin_socket.native()) + " has " + std::to_string(bytes) +
                        " bytes; 107 is the most a UNIX socket can have; set admin.socket to a shorter path");
  }
}

/// The rules of the library about names, asked for one option at a time so that the complaint names it.
void check_names(Reader& reader, const NodeOptions& node) {
  NodeOptions named;
  named.name = node.name;
  reader.check("node.name", bus::check_options(named));
  NodeOptions buses;
  buses.buses.clear();
  for (std::size_t index = 0; index < node.buses.size(); ++index) {
    buses.buses.push_back(node.buses[index]);
    reader.check("bus.name", bus::check_options(buses), index);
  }
  if (node.cluster.size() > limits::cluster_bytes_max) {
    reader.complain("mesh.cluster", base::quoted(node.cluster) + " is longer than " +
                                        std::to_string(limits::cluster_bytes_max) + " bytes");
  }
}

/// As above, about endpoints.
void check_endpoints(Reader& reader, const NodeOptions& node) {
  const bool mono = node.mode == Mode::mono;
  const auto rules = [mono](const NodeOptions& one) {
    return mono ? bus::check_mono_options(one) : bus::check_mesh_options(one);
  };
  NodeOptions one;
  one.mode = node.mode;
  one.insecure = node.insecure;
  one.listen = node.listen;
  const bool needs_advertise =
      !node.advertise.empty() && !mono;  // a listen on all addresses is good only with it
  if (needs_advertise) one.advertise = "tcp://127.0.0.1:1";
  reader.check("mesh.listen", rules(one));
  one.advertise = node.advertise;
  if (mono) one.listen.clear();
  reader.check("mesh.advertise", rules(one));
  for (std::size_t index = 0; index < node.seeds.size(); ++index) {
    one.seeds = {node.seeds[index]};
    reader.check("mesh.seed", rules(one), index);
  }
}

std::vector<std::string> warnings_of(const Reader& reader, const NodeOptions& node) {
  std::vector<std::string> warnings;
  for (std::size_t index = 0; index < node.seeds.size(); ++index) {
    if (std::find(node.seeds.begin(), node.seeds.begin() + static_cast<std::ptrdiff_t>(index),
                  node.seeds[index]) == node.seeds.begin() + static_cast<std::ptrdiff_t>(index)) {
      continue;
    }
    warnings.push_back(reader.place("mesh.seed", index) + ": " + base::quoted(node.seeds[index]) +
                       " is given twice");
  }
  return warnings;
}

}  // namespace

Outcome<Settings> read_settings(OptionValues& values) {
  Settings settings;
  NodeOptions& node = settings.node;
  Reader reader(values);
  node.name = reader.text("node.name");
  node.mode = reader.one_of<Mode>(
      "node.mode",
      {{"mono", Mode::mono}, {"scale-efficient", Mode::scale_efficient}, {"broadcast", Mode::broadcast}});
  node.delivery =
      reader.one_of<DeliveryModel>("node.delivery", {{"synchronous", DeliveryModel::synchronous},
                                                     {"mixed", DeliveryModel::mixed},
                                                     {"asynchronous", DeliveryModel::asynchronous}});
  constexpr std::uint32_t threads_max = 1024;
  node.pool_threads_max = reader.count("node.threads", 1, threads_max);
  if (node.mode != Mode::mono) fill_in(values, "mesh.listen", default_listen);
  read_mesh(reader, node);
  read_buses(reader, node);
  read_places(reader, values, settings);
  settings.log_level =
      reader.taken("log.level", peers::parse_log_level(reader.text("log.level")), LogLevel::info);
  static_cast<void>(reader.one_of<bool>("log.format", {{"logfmt", true}}));
  settings.log_file = reader.text("log.file");
  check_names(reader, node);
  check_endpoints(reader, node);
  if (reader.complaint()) return tl::unexpected(*reader.complaint());
  settings.warnings = warnings_of(reader, node);
  return settings;
}

std::string effective_config(const OptionValues& values) {
  std::string text;
  std::string section;
  for (const OptionSpec& option : option_table()) {
    const auto found = values.by_name.find(option.name);
    if (found == values.by_name.end()) continue;
    const std::size_t dot = option.name.find('.');
    if (section != option.name.substr(0, dot)) {
      section = option.name.substr(0, dot);
      text += (text.empty() ? "[" : "\n[") + section + "]\n";
    }
    for (const std::string& value : found->second.texts) {
      text.append(option.name.substr(dot + 1)) += " = " + value + "  # " + found->second.origin + "\n";
    }
  }
  return text;
}

}  // namespace evmesh::daemon
