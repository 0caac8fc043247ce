#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/exit_code.hpp"
#include "common/options.hpp"
#include "evmesh/session.hpp"

namespace evmesh::cli {

/// A flag of one verb, or of all.
struct Flag {
  std::string_view name;        ///< "count" or "key,k", as Boost.Program_options writes it
  std::string_view value_name;  ///< empty: a switch
  std::string_view help;
  bool repeatable = false;
};

/// The words and flags a verb was called with.
struct Arguments {
  std::vector<std::string> words;  ///< after the verb
  std::map<std::string, std::vector<std::string>, std::less<>>
      flags;  ///< by long name; switches hold nothing

  [[nodiscard]] bool has(std::string_view name) const { return flags.find(name) != flags.end(); }
  /// The last value, or `otherwise`.
  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {}) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  /// `usage` naming flag and value. A whole number in the range.
  [[nodiscard]] peers::Outcome<std::uint64_t> number(std::string_view name, std::uint64_t otherwise,
                                                     std::uint64_t low, std::uint64_t high) const;
  [[nodiscard]] peers::Outcome<std::chrono::milliseconds> duration(std::string_view name,
                                                                   std::string_view otherwise) const;
};

/// One thing the program can do.
struct Verb {
  std::string_view name;   ///< one or two words, "member ls"
  std::string_view words;  ///< what may follow, for --help: "TYPE [BODY|-]"
  std::size_t words_min = 0;
  std::size_t words_max = 0;
  std::string_view summary;
  std::string_view examples;  ///< two lines
  std::vector<Flag> flags;
  std::function<peers::Outcome<void>(Session&, const Arguments&)> run;
};

/// Flags that every verb takes.
[[nodiscard]] std::span<const Flag> global_flags();

/// All verbs, in the order of --help.
[[nodiscard]] const std::vector<Verb>& all_verbs();

/// Runs what the arguments ask for. `usage` for an unknown verb or flag, with the nearest.
[[nodiscard]] peers::Outcome<void> run_command(const peers::OptionSources& sources);

}  // namespace evmesh::cli
