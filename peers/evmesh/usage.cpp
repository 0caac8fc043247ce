#include "evmesh/usage.hpp"

#include <fmt/format.h>

namespace evmesh::cli {
namespace {

constexpr std::string_view outro = R"(
Data goes to standard output, notes to standard error. -o json prints one document with a "schema"
member, -o jsonl one JSON value per line, on every verb. Without --server the only admin socket
among ./admin.sock and ./*/admin.sock is used, else the only one in $XDG_RUNTIME_DIR/evmesh, else in
/run/evmesh.

Exit codes: 0 done; 1 the answer is no (a wait ended unseen, a command of --exec failed); 64 wrong
flag or word; 65 the node refuses the value, or damage was found; 69 no node answers; 70 an error in
evmesh; 73 a file exists or is in use; 74 reading or writing failed; 75 timed out or full, try again; 77 no permission; 130, 143 signals.
)";

std::string flag_line(const Flag& flag) {
  const std::size_t comma = flag.name.find(',');
  std::string left =
      comma == std::string_view::npos ? "      " : fmt::format("  -{}, ", flag.name.substr(comma + 1));
  left.append("--").append(flag.name.substr(0, comma));
  if (!flag.value_name.empty()) left.append(" ").append(flag.value_name);
  return fmt::format("{:<26}  {}{}\n", left, flag.help, flag.repeatable ? "; may be repeated" : "");
}

std::string global_lines() {
  std::string text = "\nFlags of every verb\n";
  for (const Flag& flag : global_flags()) text += flag_line(flag);
  return text;
}

}  // namespace

std::string usage_text() {
  std::string text = "Usage: evmesh VERB [WORDS] [FLAGS]\n\nTalks to a running evmeshd.\n\nVerbs\n";
  for (const Verb& verb : all_verbs()) {
    text += fmt::format("  {:<34}  {}\n", fmt::format("{} {}", verb.name, verb.words), verb.summary);
  }
  text += "\nevmesh VERB --help shows flags and examples of one verb.\n" + global_lines();
  text += "  -V, --version             the version of this program\n";
  return text.append(outro);
}

std::string verb_usage(const Verb& verb) {
  std::string text = fmt::format("Usage: evmesh {}{}{} [FLAGS]\n\n{}\n\nExamples\n{}", verb.name,
                                 verb.words.empty() ? "" : " ", verb.words, verb.summary, verb.examples);
  if (!verb.flags.empty()) text += "\nFlags\n";
  for (const Flag& flag : verb.flags) text += flag_line(flag);
  return text + global_lines();
}

}  // namespace evmesh::cli
