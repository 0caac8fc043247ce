#include <nlohmann/json.hpp>

#include "base/text.hpp"

#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

void add_flags(std::string& words, std::span<const Flag> flags) {
  for (const Flag& flag : flags) words.append(" --").append(flag.name.substr(0, flag.name.find(',')));
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

void add_valued(std::string& pattern, std::span<const Flag> flags) {
  for (const Flag& flag : flags) {
    if (flag.value_name.empty()) continue;
    const std::size_t comma = flag.name.find(',');
    if (!pattern.empty()) pattern += '|';
    pattern.append("--").append(flag.name.substr(0, comma));
    if (comma != std::string_view::npos) pattern.append("|-").append(flag.name.substr(comma + 1));
  }
}

/// The flags whose next word is their value, as a pattern of the shell.
std::string valued() {
  std::string pattern;
  add_valued(pattern, global_flags());
  for (const Verb& verb : all_verbs()) add_valued(pattern, verb.flags);
  return pattern;
}

std::string only_global_flags() {
  std::string flags;
  add_flags(flags, global_flags());
  return flags.substr(1);
}

std::string script() {
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
         valued() +
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
         "    completion) words=bash ;;\n"
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

peers::Outcome<void> run(Session& session, const Arguments& arguments) {
  if (arguments.words[0] != "bash") {
    return peers::end_with(peers::ExitCode::usage, "no completion for " + base::quoted(arguments.words[0]) +
                                                       "; it is evmesh completion bash");
  }
  Answer answer;
  answer.text = script();
  answer.json =
      nlohmann::ordered_json{{"schema", "evmesh.completion.v1"}, {"shell", "bash"}, {"script", answer.text}}
          .dump();
  return session.output().print(answer);
}

}  // namespace

Verb completion_verb() {
  Verb verb;
  verb.name = "completion";
  verb.words = "bash";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "A script that lets bash complete verbs and flags.";
  verb.examples =
      "  source <(evmesh completion bash)\n  evmesh completion bash > /etc/bash_completion.d/evmesh\n";
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
