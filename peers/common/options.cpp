#include "common/options.hpp"

#include <algorithm>
#include <cctype>

#include <unistd.h>

#include "base/text.hpp"

namespace evmesh::peers {
namespace {

namespace po = boost::program_options;

std::string variable_for(const std::string& prefix, std::string flag) {
  std::transform(flag.begin(), flag.end(), flag.begin(), [](unsigned char c) {
    return c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(c));
  });
  return prefix + flag;
}

std::vector<std::string> flags_of(const po::options_description& known) {
  std::vector<std::string> flags;
  for (const auto& option : known.options()) flags.push_back(option->long_name());
  return flags;
}

std::string nearest_of(const std::vector<std::string>& candidates, std::string_view word) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  const auto found = base::nearest(word, views);
  return found ? std::string(*found) : std::string();
}

/// Option values from the environment, as Boost.Program_options stores them.
Outcome<po::parsed_options> parse_variables(const po::options_description& known,
                                            const OptionSources& sources, const EnvironmentNames& names) {
  std::map<std::string, std::string> flag_by_variable = names.others;
  std::vector<std::string> variables;
  for (const std::string& flag : flags_of(known)) {
    variables.push_back(variable_for(names.prefix, flag));
    flag_by_variable[variables.back()] = flag;
  }
  po::parsed_options parsed(&known);
  // Those under the prefix last: stored first wins, so they go in first.
  for (const bool own : {true, false}) {
    for (const auto& [variable, value] : sources.environment) {
      const bool prefixed = variable.starts_with(names.prefix);
      const auto flag = flag_by_variable.find(variable);
      if (prefixed && flag == flag_by_variable.end()) {
        const std::string meant = nearest_of(variables, variable);
        return end_with(ExitCode::usage,
                        "unknown environment variable " + base::quoted(variable) +
                            (meant.empty() ? "; take it away" : "; did you mean " + meant + "?"));
      }
      if (prefixed == own && flag != flag_by_variable.end()) {
        parsed.options.emplace_back(flag->second, std::vector<std::string>{value});
      }
    }
  }
  return parsed;
}

/// Where the same flag stands twice in the environment, the first stays; a flag given twice by a person is an
/// error.
void keep_first(po::parsed_options& parsed) {
  std::vector<po::option> kept;
  for (po::option& option : parsed.options) {
    const bool seen = std::any_of(kept.begin(), kept.end(), [&](const po::option& other) {
      return other.string_key == option.string_key;
    });
    if (!seen) kept.push_back(std::move(option));
  }
  parsed.options = std::move(kept);
}

/// Better words than Boost has for a flag without a value.
std::string words_of(const po::error& error) {
  using Syntax = po::invalid_command_line_syntax;
  const auto* syntax = dynamic_cast<const Syntax*>(&error);
  if (syntax == nullptr) return error.what();
  if (syntax->kind() != Syntax::empty_adjacent_parameter && syntax->kind() != Syntax::missing_parameter) return error.what();
  const std::string flag = "--" + flag_of(*syntax);
  return "flag \"" + flag + "\" has no value; write " + flag + " VALUE";
}

}  // namespace

OptionSources OptionSources::of_process(int argument_count, char** arguments) {
  OptionSources sources;
  if (argument_count > 1) sources.arguments.assign(arguments + 1, arguments + argument_count);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return sources;
}

std::string suggestion(const po::options_description& known, std::string_view word) {
  const std::string meant = nearest_of(flags_of(known), word);
  return meant.empty() ? "; --help lists all flags" : "; did you mean --" + meant + "?";
}

Outcome<po::variables_map> parse_options(const po::options_description& known, const OptionSources& sources,
                                         const EnvironmentNames& names,
                                         const po::positional_options_description& positional) {
  auto variables = parse_variables(known, sources, names);
  if (!variables) return tl::unexpected(variables.error());
  keep_first(*variables);
  try {
    po::command_line_parser parser(sources.arguments);
    const int style = po::command_line_style::default_style & ~po::command_line_style::allow_guessing;
    po::variables_map values;
    po::store(parser.options(known).positional(positional).style(style).run(), values);
    po::store(*variables, values);
    po::notify(values);
    return values;
  } catch (const po::unknown_option& error) {
    const std::string flag = flag_of(error);
    return end_with(ExitCode::usage, "unknown flag " + base::quoted("--" + flag) + suggestion(known, flag));
  } catch (const po::too_many_positional_options_error&) {
    return end_with(ExitCode::usage, "an argument stands without a flag; --help shows how it is meant");
  } catch (const po::error& error) {
    return end_with(ExitCode::usage, text_of(error));
  }
}

std::string flag_of(const po::error_with_option_name& error) {
  std::string flag = error.get_option_name();
  flag.erase(0, std::min(flag.find_first_not_of('-'), flag.size()));
  return flag.substr(0, flag.find('='));
}

std::string text_of(const po::error& error) {
  constexpr std::size_t chars_max = 300;
  const std::string text = words_of(error);
  return base::printable(text) ? text : base::escaped(text, chars_max);
}

}  // namespace evmesh::peers
