#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/program_options.hpp>

#include "common/exit_code.hpp"

namespace evmesh::peers {

/// Where a program's options come from: its arguments without the program's name, and environment variables.
struct OptionSources {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;

  /// Those of this process.
  [[nodiscard]] static OptionSources of_process(int argument_count, char** arguments);
};

/// Which environment variables belong to a program: PREFIX and the flag in capitals with `_` for `-`, so
/// `--state-dir` is `EVMESH_MAILDIR_STATE_DIR` under the prefix `EVMESH_MAILDIR_`.
struct EnvironmentNames {
  std::string prefix;
  std::map<std::string, std::string> others;  ///< further variables by name, and the flag each stands for
};

/// Flags over environment over the defaults in `known`. Flags are never guessed from their beginning.
/// `usage` for an unknown flag or an unknown variable under the prefix (with the name that was probably
/// meant), a missing or wrong value, and an argument that no flag asks for (unless `positional` takes it).
[[nodiscard]] Outcome<boost::program_options::variables_map> parse_options(
    const boost::program_options::options_description& known, const OptionSources& sources,
    const EnvironmentNames& names,
    const boost::program_options::positional_options_description& positional = {});

/// "; did you mean X?" for the option nearest to `word`, or nothing.
[[nodiscard]] std::string suggestion(const boost::program_options::options_description& known,
                                     std::string_view word);

/// The flag that an error is about, without dashes and value.
[[nodiscard]] std::string flag_of(const boost::program_options::error_with_option_name& error);

/// What is wrong with arguments, as a terminal can show it: the library repeats what was given byte for byte.
[[nodiscard]] std::string text_of(const boost::program_options::error& error);

}  // namespace evmesh::peers
