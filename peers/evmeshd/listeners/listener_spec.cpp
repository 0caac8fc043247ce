#include "evmeshd/listeners/listener_spec.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"

#include "common/stderr_log.hpp"
#include "evmeshd/config_file.hpp"
#include "evmeshd/listeners/listener_keys.hpp"
#include "evmeshd/listeners/words.hpp"
#include "evmeshd/value_reader.hpp"

namespace evmesh::daemon {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::uint32_t retries_max = 1000;

/// Reads one section; every complaint is about it.
class SectionReader {
 public:
  SectionReader(ListenerSection& section, const NodeOptions& node)
      : section_(section), node_(node), reader_(section.values) {}

  Outcome<ListenerSpec> read() {
    spec_.name = section_.name;
    spec_.origin = section_.origin;
    if (!given("type")) return lacks("type", "exec, log, count or file");
    spec_.type = reader_.one_of<ListenerType>(named("type"), {{"exec", ListenerType::exec},
                                                              {"log", ListenerType::log},
                                                              {"count", ListenerType::count},
                                                              {"file", ListenerType::file}});
    if (auto placed = read_place(); !placed) return tl::unexpected(placed.error());
    refuse_strangers();
    fill_in();
    read_bus();
    spec_.events = reader_.texts(named("events"));
    read_runs();
    if (auto typed = read_type(); !typed) return tl::unexpected(typed.error());
    if (reader_.complaint()) return tl::unexpected(*reader_.complaint());
    return spec_;
  }

 private:
  [[nodiscard]] std::string named(std::string_view key) const { return full_name(section_.name, key); }
  [[nodiscard]] bool given(std::string_view key) const { return reader_.given(named(key)); }

  [[nodiscard]] tl::unexpected<peers::Failure> lacks(const std::string& keys, const std::string& cure) const {
    if (reader_.complaint()) return tl::unexpected(*reader_.complaint());
    return end_with(ExitCode::config,
                    section_.origin + ": [listener." + section_.name + "] lacks " + keys + ": " + cure);
  }

  Outcome<void> read_place() {
    if (given("group")) {
      auto group = Group::parse(reader_.text(named("group")));
      if (group)
        spec_.group = std::move(*group);
      else
        reader_.complain(named("group"), group.error().message);
    }
    read_keys();
    spec_.each_node = reader_.is_set(named("each-node"));
    if (spec_.each_node && node_.mode == Mode::scale_efficient) {
      reader_.complain(named("each-node"), "needs node.mode mono or broadcast, not scale-efficient; use key");
    }
    const int places = given("group") + given("key") + spec_.each_node;
    if (places == 0) {
      return lacks("group, key or each-node",
                   "group = NAME runs it once for every event, key = Type:value hears one thing");
    }
    if (places > 1) {
      const std::string_view second = spec_.each_node ? "each-node" : "key";
      reader_.complain(named(second), std::string("contradicts ") + (given("group") ? "group" : "key") +
                                          " of this listener; make it two listeners");
    }
    return {};
  }

  void read_keys() {
    const auto texts = reader_.texts(named("key"));
    for (std::size_t index = 0; index < texts.size(); ++index) {
      auto key = RegistrationKey::parse(texts[index]);
      if (key)
        spec_.keys.push_back(std::move(*key));
      else
        reader_.complain(named("key"), key.error().message, index);
    }
  }

  [[nodiscard]] bool fits(KeyScope scope) const {
    const bool exec = spec_.type == ListenerType::exec;
    switch (scope) {
      case KeyScope::all: return true;
      case KeyScope::groups: return spec_.group.has_value();
      case KeyScope::groups_and_exec: return spec_.group.has_value() || exec;
      case KeyScope::exec: return exec;
      case KeyScope::file: return spec_.type == ListenerType::file;
      case KeyScope::log: return spec_.type == ListenerType::log;
    }
    return false;
  }

  static std::string_view users_of(KeyScope scope) {
    switch (scope) {
      case KeyScope::all: break;
      case KeyScope::groups: return "listeners with a group";
      case KeyScope::groups_and_exec: return "type exec and listeners with a group";
      case KeyScope::exec: return "type exec";
      case KeyScope::file: return "type file";
      case KeyScope::log: return "type log";
    }
    return "all listeners";
  }

  /// What has no meaning here was meant for something else.
  void refuse_strangers() {
    for (const ListenerKey& key : listener_keys()) {
      if (!given(key.option.name) || fits(key.scope)) continue;
      reader_.complain(named(key.option.name), "is for " + std::string(users_of(key.scope)) +
                                                   ", and this is of type " +
                                                   std::string(to_string(spec_.type)) +
                                                   (spec_.group ? "" : " without a group") + "; take it out");
    }
  }

  void fill_in() {
    for (const ListenerKey& key : listener_keys()) {
      if (key.option.default_value.empty() || !fits(key.scope) || given(key.option.name)) continue;
      section_.values.emplace(named(key.option.name),
                              OptionValue{{std::string(key.option.default_value)}, "default", ExitCode::bug});
    }
  }

  void read_bus() {
    spec_.bus = node_.buses.front();
    if (!given("bus")) return;
    spec_.bus = reader_.text(named("bus"));
    if (std::ranges::find(node_.buses, spec_.bus) != node_.buses.end()) return;
    std::string list;
    for (const std::string& bus : node_.buses) list.append(list.empty() ? "" : ", ").append(bus);
    reader_.complain(named("bus"),
                     base::quoted(spec_.bus) + " is no bus of this node; bus.name has: " + list);
  }

  void read_runs() {
    if (fits(KeyScope::groups_and_exec)) spec_.timeout = positive("timeout");
    if (!spec_.group) return;
    spec_.concurrency = reader_.count(named("concurrency"), 1, limits::group_concurrency_max);
    spec_.retry.max_retries = reader_.count(named("retry.retries"), 0, retries_max);
    spec_.retry.first = positive("retry.first");
    spec_.retry.cap = positive("retry.cap");
    spec_.retry.jitter = reader_.fraction(named("retry.jitter"));
    if (spec_.retry.cap < spec_.retry.first) {
      const std::string_view own = given("retry.cap") ? "retry.cap" : "retry.first";
      reader_.complain(named(own), "retry.cap must not be under retry.first");
    }
  }

  std::chrono::milliseconds positive(std::string_view key) {
    const auto duration = reader_.duration(named(key));
    if (duration.count() == 0) reader_.complain(named(key), "must be more than 0");
    return duration;
  }

  Outcome<void> read_type() {
    if (spec_.type == ListenerType::file) {
      if (!given("path")) return lacks("path", "the file to append to");
      spec_.file = reader_.text(named("path"));
    }
    if (spec_.type == ListenerType::log) {
      spec_.level =
          reader_.taken(named("level"), peers::parse_log_level(reader_.text(named("level"))), LogLevel::info);
    }
    return spec_.type == ListenerType::exec ? read_command() : Outcome<void>{};
  }

  Outcome<void> read_command() {
    spec_.directory = reader_.text(named("directory"));
    if (!given("command") && !given("shell")) {
      return lacks("command", "command = PROGRAM ARGUMENTS, or shell = TEXT for sh -c");
    }
    if (given("command") && given("shell")) {
      reader_.complain(named("shell"), "contradicts command of this listener; leave one out");
    } else if (given("shell")) {
      spec_.command = {"/bin/sh", "-c", reader_.text(named("shell"))};
    } else {
      spec_.command = reader_.taken(named("command"), split_words(reader_.text(named("command"))), {});
    }
    return {};
  }

  ListenerSection& section_;
  const NodeOptions& node_;
  ValueReader reader_;
  ListenerSpec spec_;
};

/// A group has one runner on a bus of a node.
Outcome<void> check_groups(const std::vector<ListenerSpec>& listeners,
                           const std::vector<ListenerSection>& sections) {
  std::map<std::pair<std::string, Group>, std::string> owners;
  for (std::size_t index = 0; index < listeners.size(); ++index) {
    const ListenerSpec& listener = listeners[index];
    if (!listener.group) continue;
    const auto [owner, fresh] = owners.try_emplace({listener.bus, *listener.group}, listener.name);
    if (fresh) continue;
    const ValueReader reader(sections[index].values);
    return end_with(ExitCode::config, reader.place(full_name(listener.name, "group")) + ": group " +
                                          base::quoted(listener.group->to_string()) +
                                          " is run by [listener." + owner->second +
                                          "] already; give this one a group of its own");
  }
  return {};
}

}  // namespace

std::string_view to_string(ListenerType type) {
  switch (type) {
    case ListenerType::exec: return "exec";
    case ListenerType::log: return "log";
    case ListenerType::count: return "count";
    case ListenerType::file: return "file";
  }
  return "unknown";
}

Outcome<std::vector<ListenerSpec>> read_listeners(std::vector<ListenerSection>& sections,
                                                  const NodeOptions& node) {
  std::vector<ListenerSpec> listeners;
  for (ListenerSection& section : sections) {
    auto listener = SectionReader(section, node).read();
    if (!listener) return tl::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
  }
  if (auto checked = check_groups(listeners, sections); !checked) return tl::unexpected(checked.error());
  return listeners;
}

std::string listeners_config(const std::vector<ListenerSection>& sections) {
  std::string text;
  for (const ListenerSection& section : sections) {
    // The origins stand apart: in a command they would be part of it.
    text += "\n[listener." + section.name + "]  # " + section.origin + '\n';
    for (const ListenerKey& key : listener_keys()) {
      const auto found = section.values.find(full_name(section.name, key.option.name));
      if (found == section.values.end()) continue;
      const OptionValue& value = found->second;
      for (const std::string& written : value.texts) {
        text += config_line(key.option.name, written);
        if (!key.verbatim) text.append("  # ").append(value.origin);
        text += '\n';
      }
    }
  }
  return text;
}

}  // namespace evmesh::daemon
