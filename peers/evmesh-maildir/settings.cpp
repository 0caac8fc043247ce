#include "evmesh-maildir/settings.hpp"

#include <sstream>
#include <utility>

#include <evmesh/key.hpp>

#include "base/text.hpp"

#include "common/duration.hpp"
#include "common/stderr_log.hpp"

namespace evmesh::maildir {
namespace {

namespace po = boost::program_options;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr unsigned help_columns = 100;
constexpr std::string_view intro =
    R"(Usage: evmesh-maildir --root 'PATTERN/%u/Maildir' [FLAGS]

Watches Maildirs (Maildir++, read-only) and tells an evmesh node what happens in them: folders
created, renamed and deleted; messages added, moved, re-flagged and expunged. Keys of the events:
MailboxId:ID, MailboxPath:USER/FOLDER and User:USER.

Examples:
  evmesh-maildir --root '/home/%u/Maildir' --socket /run/evmesh/imap-1.sock
  evmesh-maildir --root '/var/mail/%u' --print | jq .     IMAP IDLE for shell scripts; needs no node

)";
constexpr std::string_view outro = R"(
Every flag is also an environment variable: --state-dir is EVMESH_MAILDIR_STATE_DIR. EVMESH_SERVER
stands for --socket. Durations are 100ms, 5s, 2m or 1h.

Exit codes: 0 ended politely; 64 wrong flag; 65 no Maildir, damaged state or an event the node
refuses; 69 node not reachable; 73 state directory cannot be made or is in use; 74 input/output
error, disk full; 75 node busy, try again; 77 the node does not let us in.
)";

po::options_description flags() {
  po::options_description known("Flags", help_columns, help_columns / 2);
  const auto text = [] { return po::value<std::string>(); };
  // clang-format off
  known.add_options()
      ("root", text()->value_name("PATTERN"), "where the Maildirs are; %u stands for the user")
      ("socket,s", text()->value_name("PATH"), "the node's admin socket, or http://HOST:PORT")
      ("bus", text()->value_name("NAME")->default_value("events"), "bus to dispatch on")
      ("print", po::bool_switch(),
       "write the events to standard output instead, as lines that evmesh dispatch --file reads")
      ("once", po::bool_switch(), "end after one scan, when all of it is told")
      ("state-dir", text()->value_name("DIR"),
       "what was told is kept here (default: $XDG_STATE_HOME/evmesh-maildir, "
       "~/.local/state/evmesh-maildir or ./evmesh-maildir-state; with --print evmesh-maildir-print instead)")
      ("reset", text()->value_name("USER"),
       "put this user's state aside first: all mail is told again, under new ids")
      ("timeout", text()->value_name("TIME")->default_value("5s"), "longest wait for one answer of the node")
      ("give-up", text()->value_name("TIME"),
       "end when the node has taken nothing for so long; 0 never (default: 10s with --once, else 0)")
      ("rescan", text()->value_name("TIME")->default_value("5m"),
       "look at everything again this often, in case a change went unseen; 0 never")
      ("log-level", text()->value_name("LEVEL")->default_value("info"), "debug, info, warning or error")
      ("help,h", po::bool_switch(), "this text")
      ("version,V", po::bool_switch(), "the version");
  // clang-format on
  return known;
}

std::string help_text(const po::options_description& known) {
  std::ostringstream text;
  text << intro << known << outro;
  return text.str();
}

/// The default of --state-dir; one for each place that is told, so that what was printed is dispatched all
/// the same. Source: the XDG base directory specification.
std::filesystem::path default_state_dir(const std::map<std::string, std::string>& environment, bool print) {
  const std::string name = print ? "evmesh-maildir-print" : "evmesh-maildir";
  const auto value = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  const std::filesystem::path state = value("XDG_STATE_HOME");
  if (state.is_absolute()) return state / name;
  const std::filesystem::path home = value("HOME");
  if (home.is_absolute()) return home / ".local/state" / name;
  return name + "-state";
}

/// Reads the values one by one and keeps the first complaint.
class Reader {
 public:
  explicit Reader(const po::variables_map& values) : values_(values) {}

  std::string text(const char* flag) const {
    return values_.count(flag) != 0 ? values_[flag].as<std::string>() : std::string();
  }
  bool is_set(const char* flag) const { return values_[flag].as<bool>(); }

  std::chrono::milliseconds duration(const char* flag, const char* otherwise = "0") {
    const std::string written = values_.count(flag) != 0 ? text(flag) : otherwise;
    return taken(flag, parse_duration(written)).value_or(std::chrono::milliseconds{0});
  }

  template <class T>
  std::optional<T> taken(const char* flag, Result<T> result) {
    if (result) return std::move(*result);
    complain("--" + std::string(flag) + ": " + result.error().message);
    return std::nullopt;
  }

  void complain(std::string message) {
    if (complaint_.empty()) complaint_ = std::move(message);
  }

  const std::string& complaint() const { return complaint_; }

 private:
  using Milliseconds = std::chrono::milliseconds;
  static Result<Milliseconds> parse_duration(const std::string& text) { return peers::parse_duration(text); }

  const po::variables_map& values_;
  std::string complaint_;
};

void read_server(Reader& reader, Settings& settings) {
  const std::string written = reader.text("socket");
  if (!settings.print && written.empty()) {
    reader.complain("no node to dispatch to; give --socket PATH (or EVMESH_SERVER), or --print to need none");
  }
  if (!written.empty()) settings.server = reader.taken("socket", peers::ServerAddress::parse(written));
  if (!Group::parse(settings.bus)) {
    reader.complain("--bus: " + base::quoted(settings.bus) +
                    " is no bus name; use 1 to 255 of [A-Za-z0-9._$-]");
  }
}

void read_places(Reader& reader, const peers::OptionSources& sources,
                 const std::filesystem::path& working_directory, Settings& settings) {
  const std::string root = reader.text("root");
  if (root.empty()) reader.complain("--root is missing; write it like --root '/home/%u/Maildir'");
  if (!root.empty()) {
    if (auto pattern = reader.taken("root", RootPattern::parse(root, working_directory)))
      settings.root = *pattern;
  }
  const std::string state = reader.text("state-dir");
  settings.state_dir = working_directory / (state.empty()
                                                ? default_state_dir(sources.environment, settings.print)
                                                : std::filesystem::path(state));
  settings.state_dir = settings.state_dir.lexically_normal();
  if (reader.complaint().empty() && settings.root.contains(settings.state_dir)) {
    reader.complain("--state-dir " + base::quoted(settings.state_dir.native()) +
                    " is in a Maildir, and nothing is ever written there; choose another place");
  }
}

}  // namespace

Outcome<std::variant<Settings, Text>> read_settings(const peers::OptionSources& sources,
                                                    const std::filesystem::path& working_directory) {
  const po::options_description known = flags();
  const peers::EnvironmentNames names{.prefix = "EVMESH_MAILDIR_", .others = {{"EVMESH_SERVER", "socket"}}};
  auto values = peers::parse_options(known, sources, names);
  if (!values) return tl::unexpected(values.error());

  Reader reader(*values);
  if (reader.is_set("help")) return Text{help_text(known)};
  if (reader.is_set("version")) return Text{"evmesh-maildir " EVMESH_VERSION "\n"};
  Settings settings;
  settings.print = reader.is_set("print");
  settings.once = reader.is_set("once");
  settings.bus = reader.text("bus");
  settings.reset_user = reader.text("reset");
  settings.timeout = reader.duration("timeout");
  settings.give_up = reader.duration("give-up", settings.once ? "10s" : "0");
  settings.rescan = reader.duration("rescan");
  settings.log_level =
      reader.taken("log-level", peers::parse_log_level(reader.text("log-level"))).value_or(LogLevel::info);
  read_places(reader, sources, working_directory, settings);
  read_server(reader, settings);
  if (!reader.complaint().empty()) return end_with(ExitCode::usage, reader.complaint());
  return settings;
}

}  // namespace evmesh::maildir
