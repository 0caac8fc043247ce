#include "evmeshd/settings.hpp"

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

using peers::end_with;
using peers::ExitCode;
using peers::Failure;
using peers::Outcome;

constexpr std::chrono::seconds join_timeout_max{60};
constexpr const char* default_listen = "tcp://127.0.0.1:7520";

/// Reads values one by one and keeps the first complaint.
class Reader {
 public:
  explicit Reader(const OptionValues& values) : values_(values) {}

  std::vector<std::string> texts(std::string_view name) {
    const auto found = values_.by_name.find(name);
    if (found == values_.by_name.end()) return {};
    for (const std::string& text : found->second.texts) {
      if (!base::printable(text))
        complain(name, base::quoted(text) + " holds control characters or is not UTF-8");
      if (text.empty()) complain(name, "the value is empty; leave the option out instead");
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

  void complain(std::string_view name, const std::string& why) {
    if (complaint_) return;
    const auto found = values_.by_name.find(name);
    const bool given = found != values_.by_name.end();
    const std::string origin = given ? found->second.origin : "--" + std::string(name);
    // A flag's origin says its name already.
    const bool named = origin.ends_with(name);
    complaint_ = Failure{given ? found->second.wrong : ExitCode::usage,
                         origin + ": " + (named ? "" : std::string(name) + ": ") + why};
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
    reader.complain("mesh.join-timeout", base::quoted(reader.text("mesh.join-timeout")) +
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
  if (node.ring_bytes_max < node.event_size_bytes_max) {
    reader.complain("bus.ring-size", "must hold at least one event of bus.event-size-max (" +
                                         peers::format_size(node.event_size_bytes_max) + ")");
  }
  if (node.window_bytes < node.event_size_bytes_max) {
    reader.complain("bus.window", "must hold at least one event of bus.event-size-max (" +
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

/// The rules of the library about options together.
Result<void> check_together(const NodeOptions& node) {
  if (auto checked = bus::check_options(node); !checked) return checked;
  return node.mode == Mode::mono ? bus::check_mono_options(node) : bus::check_mesh_options(node);
}

bool from_file(const OptionValues& values) {
  for (const auto& [name, value] : values.by_name) {
    if (value.wrong == ExitCode::config) return true;
  }
  return false;
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
  if (reader.complaint()) return tl::unexpected(*reader.complaint());
  if (auto checked = check_together(node); !checked) {
    return end_with(from_file(values) ? ExitCode::config : ExitCode::usage, checked.error().message);
  }
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
