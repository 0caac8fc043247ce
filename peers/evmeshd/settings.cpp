#include "evmeshd/settings.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/mesh_node.hpp"
#include "bus/node_options.hpp"

#include "common/stderr_log.hpp"
#include "evmeshd/config_file.hpp"
#include "evmeshd/option_table.hpp"
#include "evmeshd/size.hpp"
#include "evmeshd/value_reader.hpp"

namespace evmesh::daemon {
namespace {

using peers::ExitCode;
using peers::Outcome;

constexpr std::chrono::seconds join_timeout_max{60};
constexpr std::uint64_t buffer_bytes_max = 64 * 1024 * limits::mib;
constexpr std::uint64_t reserve_bytes_min = 8 * limits::mib;
constexpr std::uint64_t reserve_bytes_max = 16 * 1024 * limits::mib;
constexpr const char* default_listen = "tcp://127.0.0.1:7520";

void fill_in(OptionValues& values, std::string_view name, std::string text) {
  if (values.by_name.find(name) != values.by_name.end()) return;
  values.by_name.emplace(name, OptionValue{{std::move(text)}, "default", ExitCode::bug});
}

void read_mesh(ValueReader& reader, NodeOptions& node) {
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

void read_buses(ValueReader& reader, NodeOptions& node) {
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

/// After the places: what is possible depends on them.
void read_group_work(ValueReader& reader, NodeOptions& node) {
  node.execute_group_listeners = reader.is_set("node.execute-group-listeners");
  if (reader.given("bus.level")) {
    node.level = reader.one_of<Level>(
        "bus.level", {{"memory", Level::memory}, {"disk", Level::disk}, {"replicated", Level::replicated}});
    NodeOptions one;
    one.level = node.level;
    one.data_dir = node.data_dir;
    one.mode = node.mode;
    reader.check("bus.level", bus::check_options(one));
  }
  node.copies = reader.one_of<std::uint32_t>("bus.copies",
                                             {{"auto", 0}, {"1", 1}, {"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}});
  node.degraded =
      reader.one_of<Degraded>("bus.degraded", {{"allow", Degraded::allow}, {"refuse", Degraded::refuse}});
  node.journal_reserve_bytes = reader.size("journal.reserve");
  if (node.journal_reserve_bytes < reserve_bytes_min || node.journal_reserve_bytes > reserve_bytes_max) {
    reader.complain("journal.reserve",
                    base::quoted(reader.text("journal.reserve")) + " must be 8MiB to 16GiB");
  }
}

void read_dead_letters(ValueReader& reader, NodeOptions& node) {
  node.dead_letters_bytes_max = reader.size("journal.dead-letters");
  NodeOptions one;
  one.dead_letters_bytes_max = node.dead_letters_bytes_max;
  if (bus::check_options(one)) return;
  reader.complain("journal.dead-letters",
                  base::quoted(reader.text("journal.dead-letters")) + " must be 1MiB to 1024GiB");
}

void read_places(ValueReader& reader, OptionValues& values, Settings& settings) {
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
  // What is wrong with the socket is wrong with the directory when nobody named a socket.
  const std::string_view from = reader.given("admin.socket") || data_dir.empty() ? "admin.socket" : "node.data-dir";
  if (!data_dir.empty()) fill_in(values, "admin.socket", data_dir + "/admin.sock");
  settings.admin_socket = reader.text("admin.socket");
  const std::size_t bytes = settings.admin_socket.native().size();
  if (bytes == 0)
    reader.complain("admin.socket", "is needed when there is no data directory: give --admin.socket PATH");
  if (bytes > limits::unix_path_bytes_max) {
    reader.complain(from,
                    base::quoted(settings.admin_socket.native()) + " has " + std::to_string(bytes) +
                        " bytes; 107 is the most a UNIX socket can have; set admin.socket to a shorter path");
  }
}

/// The rules of the library about names, asked for one option at a time so that the complaint names it.
void check_names(ValueReader& reader, const NodeOptions& node) {
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
void check_endpoints(ValueReader& reader, const NodeOptions& node) {
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

std::vector<std::string> warnings_of(const ValueReader& reader, const NodeOptions& node) {
  std::vector<std::string> warnings;
  for (std::size_t index = 0; index < node.seeds.size(); ++index) {
    if (std::find(node.seeds.begin(), node.seeds.begin() + static_cast<std::ptrdiff_t>(index),
                  node.seeds[index]) == node.seeds.begin() + static_cast<std::ptrdiff_t>(index)) {
      continue;
    }
    warnings.push_back(reader.place("mesh.seed", index) + ": " + base::quoted(node.seeds[index]) +
                       " is given twice");
  }
  if (!node.execute_group_listeners && bus::level_of(node) == Level::memory) {
    warnings.push_back(reader.place("node.execute-group-listeners") +
                       ": false at level memory, so what groups are owed ends with this process, never run");
  }
  return warnings;
}

}  // namespace

Outcome<Settings> read_settings(OptionValues& values) {
  Settings settings;
  NodeOptions& node = settings.node;
  ValueReader reader(values.by_name);
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
  read_group_work(reader, node);
  read_dead_letters(reader, node);
  settings.log_level =
      reader.taken("log.level", peers::parse_log_level(reader.text("log.level")), LogLevel::info);
  static_cast<void>(reader.one_of<bool>("log.format", {{"logfmt", true}}));
  settings.log_file = reader.text("log.file");
  check_names(reader, node);
  check_endpoints(reader, node);
  if (reader.complaint()) return tl::unexpected(*reader.complaint());
  auto listeners = read_listeners(values.listeners, node);
  if (!listeners) return tl::unexpected(listeners.error());
  settings.listeners = std::move(*listeners);
  settings.warnings = warnings_of(reader, node);
  std::ranges::move(listener_warnings(settings.listeners), std::back_inserter(settings.warnings));
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
      text += config_line(option.name.substr(dot + 1), value) + "  # " + found->second.origin + "\n";
    }
  }
  return text + listeners_config(values.listeners);
}

}  // namespace evmesh::daemon
