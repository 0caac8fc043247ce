#include "evmesh/command.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <filesystem>

#include "base/text.hpp"

#include "common/duration.hpp"
#include "evmesh/find_server.hpp"
#include "evmesh/usage.hpp"

namespace evmesh::cli {
namespace {

namespace po = boost::program_options;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr Flag globals[] = {
    {"server,s", "SOCKET", "the node's admin socket (default: EVMESH_SERVER, or the only one found)"},
    {"output,o", "FORM", "table, json or jsonl (default: table)"},
    {"timeout", "TIME", "longest wait for an answer: 500ms, 5s, 2m (default: 5s)"},
    {"no-color", "", "taken for the sake of scripts; the output never has colours"},
    {"quiet,q", "", "no notes on standard error"},
    {"help,h", "", "this text"},
};

std::string long_name(const Flag& flag) { return std::string(flag.name.substr(0, flag.name.find(','))); }

void add_flag(po::options_description& known, const Flag& flag) {
  const std::string name(flag.name);
  if (flag.value_name.empty()) {
    known.add_options()(name.c_str(), po::value<std::vector<std::string>>()->zero_tokens());
  } else {
    known.add_options()(name.c_str(), po::value<std::vector<std::string>>());
  }
}

/// How many of the first words name a verb; nothing names one: 0.
const Verb* find_verb(const std::vector<std::string>& words) {
  for (const Verb& verb : all_verbs()) {
    const std::size_t space = verb.name.find(' ');
    if (!words.empty() && words[0] == verb.name) return &verb;
    if (space == std::string_view::npos || words.size() < 2) continue;
    if (words[0] == verb.name.substr(0, space) && words[1] == verb.name.substr(space + 1)) return &verb;
  }
  return nullptr;
}

/// The verb's words as they stand in front of the flags; a value of a flag is not one.
std::vector<std::string> leading_words(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < arguments.size() && words.size() < 2; ++at) {
    const std::string& argument = arguments[at];
    if (!argument.starts_with('-')) {
      words.push_back(argument);
      continue;
    }
    const bool takes_value = argument == "-s" || argument == "--server" || argument == "-o" ||
                             argument == "--output" || argument == "--timeout";
    if (takes_value) ++at;
  }
  return words;
}

Outcome<const Verb*> choose_verb(const std::vector<std::string>& arguments) {
  const std::vector<std::string> words = leading_words(arguments);
  if (words.empty()) return end_with(ExitCode::usage, "what to do is missing; evmesh --help lists all verbs");
  if (const Verb* verb = find_verb(words)) return verb;
  std::vector<std::string_view> names;
  std::string group;
  for (const Verb& verb : all_verbs()) {
    names.push_back(verb.name);
    if (verb.name.starts_with(words[0] + " ")) group.append(group.empty() ? "" : ", ").append(verb.name);
  }
  if (!group.empty() && words.size() == 1) return end_with(ExitCode::usage, words[0] + " what? Use " + group);
  const std::string both = words.size() == 2 ? words[0] + " " + words[1] : words[0];
  auto near = base::nearest(both, names);
  if (!near) near = base::nearest(words[0], names);
  return end_with(ExitCode::usage, "unknown verb " + base::quoted(group.empty() ? words[0] : both) +
                                       (near ? "; did you mean evmesh " + std::string(*near) + "?"
                                             : "; evmesh --help lists all verbs"));
}

Outcome<Arguments> parse_arguments(const Verb& verb, const peers::OptionSources& sources) {
  po::options_description known;
  for (const Flag& flag : globals) add_flag(known, flag);
  for (const Flag& flag : verb.flags) add_flag(known, flag);
  po::options_description all;
  all.add(known).add_options()(" words", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add(" words", -1);
  peers::OptionSources own{sources.arguments, {}};
  const auto server = sources.environment.find("EVMESH_SERVER");
  if (server != sources.environment.end() && !server->second.empty()) own.environment.insert(*server);
  const auto values = peers::parse_options(
      all, own, {.prefix = "EVMESH_CLI_", .others = {{"EVMESH_SERVER", "server"}}}, positional);
  if (!values) return tl::unexpected(values.error());

  Arguments arguments;
  for (const auto& [name, value] : *values) {
    auto texts = value.as<std::vector<std::string>>();
    if (name == " words") {
      arguments.words = std::move(texts);
    } else {
      arguments.flags.emplace(name, std::move(texts));
    }
  }
  const auto verb_words = 1 + std::ranges::count(verb.name, ' ');
  arguments.words.erase(arguments.words.begin(), arguments.words.begin() + verb_words);
  return arguments;
}

Outcome<void> check_arguments(const Verb& verb, const Arguments& arguments) {
  for (const std::span<const Flag> flags :
       {std::span<const Flag>(globals), std::span<const Flag>(verb.flags)}) {
    for (const Flag& flag : flags) {
      const std::string name = long_name(flag);
      const auto values = arguments.all(name);
      // EVMESH_SERVER stands behind the flag: the flag is stored first and wins.
      if (values.size() > 1 && !flag.repeatable) {
        return end_with(ExitCode::usage, "--" + name + " is given twice: " + base::quoted(values[0]) +
                                             " and " + base::quoted(values[1]));
      }
    }
  }
  const std::string call =
      "evmesh " + std::string(verb.name) + (verb.words.empty() ? "" : " ") + std::string(verb.words);
  if (arguments.words.size() < verb.words_min)
    return end_with(ExitCode::usage, "a word is missing; it is " + call);
  if (arguments.words.size() <= verb.words_max) return {};
  return end_with(ExitCode::usage,
                  base::quoted(arguments.words[verb.words_max]) + " is one word too many; it is " + call);
}

Outcome<Session::Options> session_options(const Arguments& arguments, const peers::OptionSources& sources) {
  Session::Options options;
  const auto form = parse_form(arguments.text("output", "table"));
  if (!form) return tl::unexpected(form.error());
  const auto timeout = arguments.duration("timeout", "5s");
  if (!timeout) return tl::unexpected(timeout.error());
  if (timeout->count() == 0) return end_with(ExitCode::usage, "--timeout must be longer than 0");
  options.form = *form;
  options.timeout = *timeout;
  options.timeout_given = arguments.has("timeout");
  options.quiet = arguments.has("quiet");
  options.server = [given = arguments.text("server"), environment = sources.environment] {
    return find_server(given, environment, std::filesystem::current_path());
  };
  return options;
}

bool asks(const std::vector<std::string>& arguments, std::string_view flag, std::string_view letter) {
  return std::ranges::any_of(arguments,
                             [&](const std::string& word) { return word == flag || word == letter; });
}

}  // namespace

std::span<const Flag> global_flags() { return globals; }

std::string Arguments::text(std::string_view name, std::string_view otherwise) const {
  const auto found = flags.find(name);
  return found == flags.end() || found->second.empty() ? std::string(otherwise) : found->second.back();
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  const auto found = flags.find(name);
  return found == flags.end() ? std::vector<std::string>() : found->second;
}

Outcome<std::uint64_t> Arguments::number(std::string_view name, std::uint64_t otherwise, std::uint64_t low,
                                         std::uint64_t high) const {
  if (!has(name)) return otherwise;
  const std::string written = text(name);
  std::uint64_t value = 0;
  const char* end = written.data() + written.size();
  const auto read = std::from_chars(written.data(), end, value);
  if (read.ec == std::errc{} && read.ptr == end && value >= low && value <= high) return value;
  return end_with(ExitCode::usage, "--" + std::string(name) + " " + base::quoted(written) +
                                       " must be a whole number from " + std::to_string(low) + " to " +
                                       std::to_string(high));
}

Outcome<std::chrono::milliseconds> Arguments::duration(std::string_view name,
                                                       std::string_view otherwise) const {
  const auto read = peers::parse_duration(text(name, otherwise));
  if (!read) return end_with(ExitCode::usage, "--" + std::string(name) + ": " + read.error().message);
  return *read;
}

Outcome<void> run_command(const peers::OptionSources& sources) {
  const std::vector<std::string>& given = sources.arguments;
  const Output plain(Form::table, false);
  const bool verbless = leading_words(given).empty();
  if (verbless && asks(given, "--help", "-h")) return plain.print_raw(usage_text());
  if (verbless && asks(given, "--version", "-V")) return plain.print_raw("evmesh " EVMESH_VERSION "\n");
  const auto verb = choose_verb(given);
  if (!verb) return tl::unexpected(verb.error());
  const auto arguments = parse_arguments(**verb, sources);
  if (!arguments) return tl::unexpected(arguments.error());
  if (arguments->has("help")) return plain.print_raw(verb_usage(**verb));
  if (auto checked = check_arguments(**verb, *arguments); !checked) return checked;
  auto options = session_options(*arguments, sources);
  if (!options) return tl::unexpected(options.error());
  Session session(std::move(*options));
  try {
    auto done = (*verb)->run(session, *arguments);
    const auto incomplete = session.incomplete();
    if (!incomplete) return done;
    if (done) return tl::unexpected(*incomplete);
    session.output().note(incomplete->message);
    return done;
  } catch (const std::exception& error) {
    // Verbs read members of answers as they should be; a node of another version may send others.
    return end_with(ExitCode::bug,
                    std::string("the node's answer is not understood (other version?): ") + error.what());
  }
}

}  // namespace evmesh::cli
