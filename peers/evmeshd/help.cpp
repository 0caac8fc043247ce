#include "evmeshd/help.hpp"

#include <string_view>
#include <utility>

#include "evmeshd/listeners/listener_keys.hpp"
#include "evmeshd/option_table.hpp"

namespace evmesh::daemon {
namespace {

constexpr std::size_t columns = 100;
constexpr std::size_t indent = 30;

constexpr std::string_view intro = R"(Usage: evmeshd --node.data-dir DIR [OPTIONS]

Runs one node of an evmesh event bus until SIGTERM or SIGINT.

Examples:
  evmeshd --node.data-dir ./one --node.name one --node.mode broadcast --mesh.listen tcp://127.0.0.1:7520
  evmeshd -c /etc/evmesh/imap-1.conf --check-config

Options
)";

constexpr std::string_view listeners_heading = R"(
Listeners stand in a file, each in a section [listener.NAME] with these keys
)";

constexpr std::string_view listeners_outro = R"(
An exec program gets the event as JSON on its input and EVMESH_EVENT_ID, _TYPE, _USER, _BUS, _GROUP,
_KEY, _ATTEMPT, _POSSIBLY_DUPLICATE and _NODE in its environment. Its exit code says what becomes of
the event: 0 done; 65 no further run, a dead letter at once; any other, 75 too, or a signal: the run
has failed and is tried again. The last line of its standard error becomes the reason.
)";

constexpr std::string_view flags_heading = "\nFlags\n";

constexpr std::string_view outro = R"(
Every option is also an environment variable (--node.data-dir is EVMESH_NODE_DATA_DIR; repeatable
ones take several values with spaces between) and a key of a file (data-dir under [node]).
Flags go over variables, variables over files, a later file over an earlier one.
Times need a unit: 100ms, 3s, 2m, 1h. Sizes too: 512B, 64KiB, 8MiB, 1GiB.

Signals: the first TERM or INT stops politely (refuse new work, let calls end, tell the peers) in
at most 12 s; a second one ends at once, and so does the first while the node is still joining.

Exit codes: 0 stopped politely; 64 wrong flag or variable; 65 another node took this identity, or
this one was forgotten; 73 data directory locked or unusable, port or admin socket in use;
74 a file cannot be written; 78 wrong config file; 130, 143 ended at once by a signal.
)";

/// `left` and, from the column on, `help` broken between words.
void add_entry(std::string& text, const std::string& left, std::string_view help) {
  std::string line = left;
  if (line.size() + 2 > indent) text += std::exchange(line, {}) + '\n';
  line.resize(indent, ' ');
  while (!help.empty()) {
    const std::size_t end = std::min(help.find(' '), help.size());
    if (line.size() > indent && line.size() + end > columns) {
      text += line.erase(line.find_last_not_of(' ') + 1) + '\n';
      line.assign(indent, ' ');
    }
    line.append(help.substr(0, end)) += ' ';
    help.remove_prefix(std::min(end + 1, help.size()));
  }
  text += line.erase(line.find_last_not_of(' ') + 1) + '\n';
}

std::string help_of(const OptionSpec& option) {
  std::string help(option.help);
  if (!option.default_value.empty()) help.append(" (default: ").append(option.default_value) += ')';
  return help;
}

void add_option(std::string& text, std::string_view mark, const OptionSpec& option) {
  std::string left = "  " + std::string(mark) + std::string(option.name);
  if (!option.value_name.empty()) left.append(" ").append(option.value_name);
  add_entry(text, left, help_of(option));
}

}  // namespace

std::string help_text() {
  std::string text(intro);
  for (const OptionSpec& option : option_table()) add_option(text, "--", option);
  text += listeners_heading;
  for (const ListenerKey& key : listener_keys()) add_option(text, "", key.option);
  text += listeners_outro;
  text += flags_heading;
  add_entry(text, "  -c, --config FILE", "read this file; may be repeated");
  add_entry(text, "  --insecure", "short for --mesh.insecure");
  add_entry(text, "  --transient", "short for --node.transient");
  add_entry(text, "  --check-config",
            "say whether a start would take this configuration, and end: 0, 64 or 78");
  add_entry(text, "  --print-config",
            "print what a start would use and where each value comes from, and end");
  add_entry(
      text, "  --ready-file PATH",
      "write pid, id, name and endpoints there as JSON when the node is ready; taken away at the start and "
      "at the end");
  add_entry(text, "  -h, --help", "this text");
  add_entry(text, "  -V, --version", "the version");
  text += outro;
  return text;
}

}  // namespace evmesh::daemon
