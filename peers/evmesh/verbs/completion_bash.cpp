#include "evmesh/command.hpp"
#include "evmesh/verbs/completion_script.hpp"

namespace evmesh::cli {
namespace {

void add_flags(std::string& words, std::span<const Flag> flags) {
  for (const Flag& flag : flags) words.append(" --").append(long_name(flag.name));
}

/// One `case` arm per verb, so that only its own flags are offered.
std::string arms() {
  std::string text;
  for (const Verb& verb : all_verbs()) {
    std::string flags;
    add_flags(flags, verb.flags);
    add_flags(flags, global_flags());
    text.append("    '").append(verb.name).append("'*) words='").append(flags.substr(1)) += "' ;;\n";
  }
  return text;
}

std::string first_words() {
  std::string text;
  std::string last;
  for (const Verb& verb : all_verbs()) {
    const std::string first(verb.name.substr(0, verb.name.find(' ')));
    if (first != last) text.append(text.empty() ? "" : " ").append(first);
    last = first;
  }
  return text;
}

std::string second_words() {
  std::string text;
  for (const Verb& verb : all_verbs()) {
    const std::size_t space = verb.name.find(' ');
    if (space == std::string_view::npos) continue;
    text.append("    ").append(verb.name.substr(0, space)).append(")  words=\"$words ");
    text.append(verb.name.substr(space + 1)).append("\" ;;&\n");
  }
  return text;
}

std::string only_global_flags() {
  std::string flags;
  add_flags(flags, global_flags());
  return flags.substr(1);
}

}  // namespace

std::string bash_completion() {
  return "# bash completion of evmesh; use: source <(evmesh completion bash)\n"
         "_evmesh() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words='' given=() "
         "at\n"
         "  case $previous in\n"
         "    -o|--output) COMPREPLY=($(compgen -W 'table json jsonl' -- \"$current\")); return ;;\n"
         "    -s|--server|--file) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
         "  esac\n"
         "  for ((at = 1; at < COMP_CWORD; ++at)); do\n"
         "    case ${COMP_WORDS[at]} in\n"
         "      " +
         flags_with_value() +
         ") ((++at)) ;;\n"
         "      -*) ;;\n"
         "      *) given+=(\"${COMP_WORDS[at]}\") ;;\n"
         "    esac\n"
         "  done\n"
         "  if ((${#given[@]} == 0)); then\n"
         "    words='" +
         first_words() + " " + only_global_flags() +
         "'\n"
         "  elif ((${#given[@]} == 1)) && [[ $current != -* ]]; then\n"
         "    case ${given[0]} in\n" +
         second_words() +
         "    completion) words='bash zsh fish' ;;\n"
         "    esac\n"
         "  else\n"
         "    case \"${given[*]}\" in\n" +
         arms() +
         "    esac\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -F _evmesh evmesh\n";
}

}  // namespace evmesh::cli
