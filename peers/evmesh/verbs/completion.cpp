#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

#include "evmesh/verbs/completion_script.hpp"
#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

struct Shell {
  std::string_view name;
  std::string (*script)();
};
constexpr std::array shells{Shell{"bash", bash_completion}, Shell{"zsh", zsh_completion},
                            Shell{"fish", fish_completion}};

void add_valued(std::string& pattern, std::span<const Flag> flags) {
  for (const Flag& flag : flags) {
    if (flag.value_name.empty()) continue;
    if (!pattern.empty()) pattern += '|';
    pattern.append("--").append(long_name(flag.name));
    if (!short_name(flag.name).empty()) pattern.append("|-").append(short_name(flag.name));
  }
}

peers::Outcome<void> run(Session& session, const Arguments& arguments) {
  const std::string& wanted = arguments.words[0];
  const auto shell = std::ranges::find(shells, wanted, &Shell::name);
  if (shell == shells.end()) {
    return peers::end_with(
        peers::ExitCode::usage,
        "no completion for " + base::quoted(wanted) + "; it is evmesh completion bash, zsh or fish");
  }
  Answer answer;
  answer.text = shell->script();
  answer.json =
      nlohmann::ordered_json{{"schema", "evmesh.completion.v1"}, {"shell", wanted}, {"script", answer.text}}
          .dump();
  return session.output().print(answer);
}

}  // namespace

std::string_view long_name(std::string_view name) { return name.substr(0, name.find(',')); }

std::string_view short_name(std::string_view name) {
  const std::size_t comma = name.find(',');
  return comma == std::string_view::npos ? std::string_view() : name.substr(comma + 1);
}

std::string flags_with_value() {
  std::string pattern;
  add_valued(pattern, global_flags());
  for (const Verb& verb : all_verbs()) add_valued(pattern, verb.flags);
  return pattern;
}

bool takes_path(std::string_view name) { return name == "server" || name == "file" || name == "export"; }

Verb completion_verb() {
  Verb verb;
  verb.name = "completion";
  verb.words = "bash|zsh|fish";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "A script that lets a shell complete verbs and flags.";
  verb.examples =
      "  source <(evmesh completion bash)\n"
      "  evmesh completion fish > ~/.config/fish/completions/evmesh.fish\n";
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
