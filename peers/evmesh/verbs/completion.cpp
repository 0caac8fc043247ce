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

std::string script() {
  return "# bash completion of evmesh; use: source <(evmesh completion bash)\n"
         "_evmesh() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
         "  case $previous in\n"
         "    -o|--output) COMPREPLY=($(compgen -W 'table json jsonl' -- \"$current\")); return ;;\n"
         "    -s|--server|--file) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
         "  esac\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    words='" + first_words() + "'\n"
         "  elif ((COMP_CWORD == 2)) && [[ $current != -* ]]; then\n"
         "    case ${COMP_WORDS[1]} in\n" + second_words() +
         "    completion) words=bash ;;\n"
         "    esac\n"
         "  else\n"
         "    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n" + arms() +
         "    esac\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -F _evmesh evmesh\n";
}

peers::Outcome<void> run(Session& session, const Arguments& arguments) {
  if (arguments.words[0] != "bash") {
    return peers::end_with(peers::ExitCode::usage,
                           "no completion for " + base::quoted(arguments.words[0]) + "; it is evmesh completion bash");
  }
  Answer answer;
  answer.text = script();
  answer.json = nlohmann::ordered_json{{"schema", "evmesh.completion.v1"}, {"shell", "bash"}, {"script", answer.text}}.dump();
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
  verb.examples = "  source <(evmesh completion bash)\n  evmesh completion bash > /etc/bash_completion.d/evmesh\n";
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
