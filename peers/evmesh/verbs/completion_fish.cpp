#include <set>

#include "evmesh/command.hpp"
#include "evmesh/verbs/completion_script.hpp"

namespace evmesh::cli {
namespace {

/// A word of fish, whatever it holds.
std::string shell_word(std::string_view text) {
  std::string word = "'";
  for (const char each : text) {
    if (each == '\'' || each == '\\') word += '\\';
    word += each;
  }
  return word + '\'';
}

/// One rule; `condition` is empty or a function with its words.
std::string rule(const std::string& condition, const std::string& what, std::string_view help) {
  std::string line = "complete -c evmesh";
  if (!condition.empty()) line += " -n " + shell_word(condition);
  return line.append(what).append(" -d ").append(shell_word(help)) + '\n';
}

std::string verb_rules() {
  std::string rules;
  std::set<std::string_view> said;
  for (const Verb& verb : all_verbs()) {
    const std::size_t space = verb.name.find(' ');
    const std::string first(verb.name.substr(0, space));
    const bool single = space == std::string_view::npos;
    if (said.insert(verb.name.substr(0, space)).second) {
      rules += rule("__evmesh_given_is", " -a " + first, single ? verb.summary : "more verbs");
    }
    if (!single) {
      rules +=
          rule("__evmesh_given_is " + first, " -a " + shell_word(verb.name.substr(space + 1)), verb.summary);
    }
  }
  return rules + rule("__evmesh_given_is completion", " -a 'bash zsh fish'", "shell");
}

std::string flag_rules(const std::string& condition, std::span<const Flag> flags) {
  std::string rules;
  for (const Flag& flag : flags) {
    std::string what = " -l " + std::string(long_name(flag.name));
    if (!short_name(flag.name).empty()) what.append(" -s ").append(short_name(flag.name));
    if (takes_path(long_name(flag.name))) {
      what += " -r -F";
    } else if (long_name(flag.name) == "output") {
      what += " -x -a 'table json jsonl'";
    } else if (!flag.value_name.empty()) {
      what += " -x";
    }
    rules += rule(condition, what, flag.help);
  }
  return rules;
}

/// The words of a verb given so far, without flags and their values.
constexpr std::string_view functions = R"(function __evmesh_given
  set -l given
  set -l value no
  for word in (commandline -opc)[2..-1]
    if test $value = yes
      set value no
    else if string match -qr -- '^(VALUED)$' $word
      set value yes
    else if not string match -q -- '-*' $word
      set -a given $word
    end
  end
  string join ' ' -- $given
end
function __evmesh_given_is
  test (__evmesh_given | string collect -a) = "$argv"
end
function __evmesh_given_begins
  string match -q -- "$argv" (__evmesh_given); or string match -q -- "$argv *" (__evmesh_given)
end
)";

}  // namespace

std::string fish_completion() {
  std::string script =
      "# fish completion of evmesh; use: evmesh completion fish > ~/.config/fish/completions/evmesh.fish\n";
  script += functions;
  script.replace(script.find("VALUED"), std::string_view("VALUED").size(), flags_with_value());
  script += "complete -c evmesh -f\n" + verb_rules() + flag_rules({}, global_flags());
  for (const Verb& verb : all_verbs()) {
    script += flag_rules("__evmesh_given_begins " + std::string(verb.name), verb.flags);
  }
  return script;
}

}  // namespace evmesh::cli
