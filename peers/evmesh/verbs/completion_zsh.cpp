#include <map>

#include "evmesh/command.hpp"
#include "evmesh/verbs/completion_script.hpp"

namespace evmesh::cli {
namespace {

/// A word of zsh, whatever it holds.
std::string shell_word(std::string_view text) {
  std::string word = "'";
  for (const char each : text) {
    if (each == '\'') word += "'\\'";
    word += each;
  }
  return word + '\'';
}

std::string described(std::string_view word, std::string_view what) {
  return ' ' + shell_word(std::string(word).append(":").append(what));
}

std::string flag_words(std::span<const Flag> flags) {
  std::string words;
  for (const Flag& flag : flags)
    words += described(std::string("--").append(long_name(flag.name)), flag.help);
  return words;
}

/// What may follow the words given so far, one arm for each beginning of a verb.
std::string verb_arms() {
  std::map<std::string, std::string> next;
  for (const Verb& verb : all_verbs()) {
    const std::size_t space = verb.name.find(' ');
    const std::string first(verb.name.substr(0, space));
    if (space == std::string_view::npos) {
      next[""] += described(first, verb.summary);
      continue;
    }
    if (!next.contains(first)) next[""] += described(first, "more verbs");
    next[first] += described(verb.name.substr(space + 1), verb.summary);
  }
  next["completion"] = " bash zsh fish";
  std::string arms;
  for (const auto& [given, words] : next)
    arms += "    " + shell_word(given) + ") offered=(" + words + " ) ;;\n";
  return arms;
}

std::string flag_arms() {
  std::string arms;
  for (const Verb& verb : all_verbs()) {
    if (!verb.flags.empty())
      arms += "    " + shell_word(verb.name) + "*) offered=(" + flag_words(verb.flags) + " ) ;;\n";
  }
  return arms;
}

std::string path_flags() {
  std::string pattern = "-s";
  for (const std::string_view name : {"server", "file", "export"}) pattern.append("|--").append(name);
  return pattern;
}

}  // namespace

std::string zsh_completion() {
  return "#compdef evmesh\n"
         "# zsh completion of evmesh; use: evmesh completion zsh > a directory of $fpath/_evmesh\n"
         "_evmesh() {\n"
         "  local current=${words[CURRENT]} previous=${words[CURRENT-1]} at\n"
         "  local -a given offered\n"
         "  case $previous in\n"
         "    -o|--output) offered=(table json jsonl); _describe -t forms form offered; return ;;\n"
         "    " +
         path_flags() +
         ") _files; return ;;\n"
         "  esac\n"
         "  for ((at = 2; at < CURRENT; ++at)); do\n"
         "    case ${words[at]} in\n"
         "      (" +
         flags_with_value() +
         ") ((++at)) ;;\n"
         "      (-*) ;;\n"
         "      (*) given+=(\"${words[at]}\") ;;\n"
         "    esac\n"
         "  done\n"
         "  if [[ $current == -* ]]; then\n"
         "    case \"${given[*]}\" in\n" +
         flag_arms() +
         "    esac\n"
         "    offered+=(" +
         flag_words(global_flags()) +
         " )\n"
         "    _describe -o -t flags flag offered\n"
         "    return\n"
         "  fi\n"
         "  case \"${given[*]}\" in\n" +
         verb_arms() +
         "    *) _files; return ;;\n"
         "  esac\n"
         "  _describe -t verbs verb offered\n"
         "}\n"
         "if [[ ${funcstack[1]-} == _evmesh ]]; then _evmesh \"$@\"; else compdef _evmesh evmesh; fi\n";
}

}  // namespace evmesh::cli
