#include "evmeshd/option_values.hpp"

#include <algorithm>
#include <array>

#include <boost/program_options.hpp>

#include "base/text.hpp"

#include "evmeshd/config_file.hpp"
#include "evmeshd/option_table.hpp"

namespace evmesh::daemon {
namespace {

namespace po = boost::program_options;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

// Variables of the other programs of this family, and of its tests.
constexpr std::array<std::string_view, 3> foreign_variables{"EVMESH_SERVER", "EVMESH_CASES_DIR",
                                                            "EVMESH_NO_SKIP"};
constexpr std::array<std::string_view, 6> foreign_prefixes{"EVMESH_MAILDIR_", "EVMESH_SIM_",     "EVMESH_EVENT_",
                                                           "EVMESH_DAMAGE_",  "EVMESH_DURABLE_", "EVMESH_CHAOS_"};

const std::string in_files_only = "; listeners are configured in a file, as [listener.NAME]";

std::string flag_of(const OptionSpec& option) { return "--" + std::string(option.name); }

po::options_description known_flags() {
  po::options_description known;
  for (const OptionSpec& option : option_table()) {
    const std::string name(option.name);
    if (option.value_name.empty()) {
      known.add_options()(name.c_str(), po::value<std::vector<std::string>>()->zero_tokens());
    } else {
      known.add_options()(name.c_str(), po::value<std::vector<std::string>>());
    }
  }
  known.add_options()("config,c", po::value<std::vector<std::string>>());
  known.add_options()("ready-file", po::value<std::string>());
  known.add_options()("insecure", po::bool_switch());
  known.add_options()("transient", po::bool_switch());
  known.add_options()("check-config", po::bool_switch());
  known.add_options()("print-config", po::bool_switch());
  known.add_options()("help,h", po::bool_switch());
  known.add_options()("version,V", po::bool_switch());
  return known;
}

OptionMap values_of(std::vector<ConfigLine>& lines) {
  OptionMap values;
  for (ConfigLine& line : lines) {
    OptionValue& value = values[line.name];
    if (value.texts.empty()) value.origin = line.origin;
    value.wrong = ExitCode::config;
    value.texts.push_back(std::move(line.value));
    value.lines.push_back(std::move(line.origin));
  }
  return values;
}

Outcome<void> add_files(const std::vector<std::string>& files, OptionValues& values) {
  for (const std::string& file : files) {
    auto text = read_config(file);
    if (!text) return tl::unexpected(text.error());
    OptionMap own = values_of(text->lines);
    for (auto& [name, value] : own) values.by_name[name] = std::move(value);
    for (ConfigListener& listener : text->listeners) {
      ListenerSection section{listener.name, listener.origin, values_of(listener.lines)};
      const auto known = std::ranges::find(values.listeners, section.name, &ListenerSection::name);
      if (known == values.listeners.end()) {
        values.listeners.push_back(std::move(section));
      } else {
        *known = std::move(section);
      }
    }
  }
  return {};
}

bool foreign(const std::string& variable) {
  return std::ranges::find(foreign_variables, variable) != foreign_variables.end() ||
         std::ranges::any_of(foreign_prefixes,
                             [&](std::string_view prefix) { return variable.starts_with(prefix); });
}

/// A repeatable setting takes several values from one variable, with spaces or commas between them.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> pieces;
  std::string piece;
  for (const char c : text + ' ') {
    if (c != ' ' && c != ',') {
      piece += c;
    } else if (!piece.empty()) {
      pieces.push_back(std::exchange(piece, {}));
    }
  }
  return pieces;
}

Outcome<void> add_environment(const std::map<std::string, std::string>& environment, OptionValues& values) {
  std::map<std::string, const OptionSpec*> by_variable;
  std::vector<std::string> variables;
  for (const OptionSpec& option : option_table()) {
    variables.push_back(variable_of(option.name));
    by_variable[variables.back()] = &option;
  }
  for (const auto& [variable, text] : environment) {
    if (!variable.starts_with("EVMESH_") || foreign(variable)) continue;
    const auto found = by_variable.find(variable);
    if (found == by_variable.end()) {
      return end_with(ExitCode::usage,
                      "unknown environment variable " + base::quoted(variable) +
                          (variable.starts_with("EVMESH_LISTENER_") ? in_files_only
                                                                    : did_you_mean(variable, variables)));
    }
    const OptionSpec& option = *found->second;
    OptionValue value{{text}, variable, ExitCode::usage};
    if (option.repeatable) value.texts = split(text);
    values.by_name[std::string(option.name)] = std::move(value);
  }
  return {};
}

Outcome<void> add_flags(const po::variables_map& given, OptionValues& values) {
  for (const OptionSpec& option : option_table()) {
    const std::string name(option.name);
    if (given.count(name) == 0) continue;
    OptionValue value{given[name].as<std::vector<std::string>>(), flag_of(option), ExitCode::usage};
    if (option.value_name.empty()) value.texts = {"true"};
    if (value.texts.size() > 1 && !option.repeatable) {
      return end_with(ExitCode::usage, flag_of(option) + " is given twice: " + base::quoted(value.texts[0]) +
                                           " and " + base::quoted(value.texts[1]));
    }
    values.by_name[name] = std::move(value);
  }
  // The short forms that people type.
  for (const char* name : {"insecure", "transient"}) {
    if (!given[name].as<bool>()) continue;
    const std::string full = std::string(name) == "insecure" ? "mesh.insecure" : "node.transient";
    values.by_name[full] = {{"true"}, "--" + std::string(name), ExitCode::usage};
  }
  return {};
}

Outcome<po::variables_map> parse_flags(const std::vector<std::string>& arguments) {
  // Positional words are caught by an option of their own, so that the message can name the word.
  const po::options_description known = known_flags();
  po::options_description all;
  all.add(known).add_options()(" word", po::value<std::vector<std::string>>());
  po::positional_options_description words;
  words.add(" word", -1);
  try {
    const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::variables_map given;
    po::store(po::command_line_parser(arguments).options(all).positional(words).style(style).run(), given);
    po::notify(given);
    if (given.count(" word") == 0) return given;
    const std::string word = given[" word"].as<std::vector<std::string>>().front();
    return end_with(ExitCode::usage,
                    base::quoted(word) + " stands without a flag; files are given as -c FILE");
  } catch (const po::unknown_option& error) {
    const std::string flag = peers::flag_of(error);
    return end_with(ExitCode::usage,
                    "unknown flag " + base::quoted("--" + flag) +
                        (flag.starts_with("listener.") ? in_files_only : peers::suggestion(known, flag)));
  } catch (const po::error& error) {
    return end_with(ExitCode::usage, peers::text_of(error));
  }
}

}  // namespace

Outcome<OptionValues> read_option_values(const peers::OptionSources& sources) {
  const auto given = parse_flags(sources.arguments);
  if (!given) return tl::unexpected(given.error());
  OptionValues values;
  values.help = (*given)["help"].as<bool>();
  values.version = (*given)["version"].as<bool>();
  if (values.help || values.version) return values;
  values.check_config = (*given)["check-config"].as<bool>();
  values.print_config = (*given)["print-config"].as<bool>();
  if (given->count("ready-file") != 0) values.ready_file = (*given)["ready-file"].as<std::string>();
  for (const OptionSpec& option : option_table()) {
    if (option.default_value.empty()) continue;
    values.by_name[std::string(option.name)] = {
        {std::string(option.default_value)}, "default", ExitCode::bug};
  }
  const bool files = given->count("config") != 0;
  if (files) {
    if (auto added = add_files((*given)["config"].as<std::vector<std::string>>(), values); !added) {
      return tl::unexpected(added.error());
    }
  }
  if (auto added = add_environment(sources.environment, values); !added) return tl::unexpected(added.error());
  if (auto added = add_flags(*given, values); !added) return tl::unexpected(added.error());
  return values;
}

}  // namespace evmesh::daemon
