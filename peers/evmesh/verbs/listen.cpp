#include <chrono>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <evmesh/key.hpp>

#include "evmesh/child.hpp"
#include "evmesh/verbs/listen_printer.hpp"
#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Failure;
using peers::Outcome;

constexpr std::uint64_t count_max = 1'000'000'000'000;
constexpr std::size_t line_bytes_max = 64 << 20;

struct Wanted {
  std::string target;
  std::uint64_t count = 0;  // 0: for ever
  std::string command;
};

Outcome<Wanted> read_wanted(const Arguments& arguments) {
  Wanted wanted;
  const auto count = arguments.number("count", 0, 1, count_max);
  if (!count) return tl::unexpected(count.error());
  wanted.count = *count;
  wanted.command = arguments.text("exec");
  wanted.target = "/api/v1/stream?";
  const bool each_node = arguments.has("each-node");
  const bool group = arguments.has("group");
  if ((arguments.has("key") ? 1 : 0) + (each_node ? 1 : 0) + (group ? 1 : 0) != 1) {
    return end_with(ExitCode::usage,
                    "say what to listen to: -k Type:value (once or more), --each-node for everything, or "
                    "--group NAME to do a group's work");
  }
  if (arguments.has("durable") && !group) return end_with(ExitCode::usage, "--durable goes with --group");
  if (group) wanted.target += "group=" + escaped_for_url(arguments.text("group"));
  if (arguments.has("durable")) wanted.target += "&durable=1";
  wanted.target += each_node ? "each_node=1" : "";
  for (const std::string& text : arguments.all("key")) {
    if (auto key = RegistrationKey::parse(text); !key)
      return end_with(ExitCode::usage, "-k: " + key.error().message);
    wanted.target += (wanted.target.ends_with('?') ? "key=" : "&key=") + escaped_for_url(text);
  }
  if (arguments.has("bus")) wanted.target += "&bus=" + escaped_for_url(arguments.text("bus"));
  if (!arguments.words.empty()) wanted.target += "&type=" + escaped_for_url(arguments.words[0]);
  return wanted;
}

NodeNames names_by_id(const std::string& members) {
  NodeNames names;
  const auto json = nlohmann::json::parse(members);
  for (const auto& member : json.at("items")) names.emplace(member.at("id"), member.at("name"));
  return names;
}

/// Follows one stream: cuts it into lines and does with each what was asked for.
class Follower {
 public:
  Follower(Session& session, Wanted wanted, NodeNames names)
      : output_(session.output()),
        answers_(session.beside()),
        wanted_(std::move(wanted)),
        names_(std::move(names)),
        printer_(output_, names_) {}

  /// False when enough was seen or something failed.
  bool take(std::string_view bytes) {
    rest_ += bytes;
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      const std::string line = rest_.substr(0, end);
      rest_.erase(0, end + 1);
      if (auto done = line_came(line); !done) return failed(done.error());
      if (enough()) return false;
    }
    if (rest_.size() <= line_bytes_max) return true;
    return failed({ExitCode::bug, "the node sent a line of more than 64 MiB"});
  }

  [[nodiscard]] bool enough() const { return wanted_.count != 0 && seen_ >= wanted_.count; }
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  [[nodiscard]] const std::optional<Failure>& failure() const { return failure_; }
  [[nodiscard]] std::uint64_t commands_failed() const { return commands_failed_; }
  /// What came before the first line that was understood: an error answer.
  [[nodiscard]] const std::string& rest() const { return rest_; }
  [[nodiscard]] Outcome<void> finish() {
    return begun_ && wanted_.command.empty() ? printer_.finish() : Outcome<void>{};
  }

 private:
  bool failed(Failure failure) {
    failure_ = std::move(failure);
    return false;
  }

  Outcome<void> line_came(const std::string& line) {
    // An error answer is one line as well; it is read when the stream has ended.
    if (!begun_ && line.starts_with("{\"error\"")) {
      error_line_ = line;
      return {};
    }
    const auto read = read_stream_line(line, names_);
    if (!read) return tl::unexpected(read.error());
    switch (read->kind) {
      case StreamLine::Kind::keep_alive: return {};
      case StreamLine::Kind::registered:
        begun_ = true;
        output_.note(read->notice);
        return wanted_.command.empty() ? printer_.begin() : Outcome<void>{};
      case StreamLine::Kind::gap:
        output_.note(read->notice);
        return wanted_.command.empty() ? printer_.gap(*read) : Outcome<void>{};
      case StreamLine::Kind::event:
        ++seen_;
        return wanted_.command.empty() ? print(*read) : run_command(*read);
    }
    return {};
  }

  /// What is printed is done.
  Outcome<void> print(const StreamLine& line) {
    if (auto printed = printer_.event(line); !printed) return printed;
    return answer(line, 0);
  }

  /// Tells the node how the work of a group went, in the words of exit codes: 0 done, 65 never, others again.
  Outcome<void> answer(const StreamLine& line, int code) {
    if (line.group.empty()) return {};
    constexpr int never = 65;
    const char* outcome = code == 0 ? "done" : code == never ? "refused" : "retry";
    std::string target = fmt::format("/api/v1/deliveries/{}?outcome={}", line.delivery, outcome);
    if (code != 0) target += "&reason=" + escaped_for_url(fmt::format("--exec ended with {}", code));
    const auto answered = answers_.post(target, "");
    if (answered) return {};
    // An answer that comes too late is no reason to stop: the event comes again.
    output_.note(answered.error().message);
    return answered.error().code == ExitCode::data ? Outcome<void>{} : tl::unexpected(answered.error());
  }

  Outcome<void> run_command(const StreamLine& line) {
    const auto code = run_child(wanted_.command, line.json + "\n",
                                {{"EVMESH_EVENT_ID", line.id},
                                 {"EVMESH_EVENT_TYPE", line.type},
                                 {"EVMESH_EVENT_USER", line.user},
                                 {"EVMESH_EVENT_KEY", line.key},
                                 {"EVMESH_EVENT_BUS", line.bus},
                                 {"EVMESH_EVENT_TIME", line.time},
                                 {"EVMESH_EVENT_PUBLISHER", line.publisher},
                                 {"EVMESH_EVENT_SEQ", std::to_string(line.seq)},
                                 {"EVMESH_EVENT_GROUP", line.group},
                                 {"EVMESH_EVENT_ATTEMPT", std::to_string(line.attempt)},
                                 {"EVMESH_EVENT_POSSIBLY_DUPLICATE", line.possibly_duplicate ? "1" : "0"}});
    if (!code) return tl::unexpected(code.error());
    if (*code != 0) {
      ++commands_failed_;
      output_.note(fmt::format("--exec ended with {} for event {}", *code, line.id));
    }
    return answer(line, *code);
  }

 public:
  [[nodiscard]] const std::string& error_line() const { return error_line_; }

 private:
  const Output& output_;
  Session answers_;  // the other one has the stream
  const Wanted wanted_;
  const NodeNames names_;
  StreamPrinter printer_;
  std::string rest_;
  std::string error_line_;
  bool begun_ = false;
  std::uint64_t seen_ = 0;
  std::uint64_t commands_failed_ = 0;
  std::optional<Failure> failure_;
};

Outcome<void> verdict(Session& session, const Follower& follower,
                      const Outcome<peers::HttpResponse>& response) {
  if (follower.failure()) return tl::unexpected(*follower.failure());
  if (follower.enough() && follower.commands_failed() == 0) return {};
  if (follower.enough()) {
    return end_with(ExitCode::negative, fmt::format("--exec failed for {} of {} events",
                                                    follower.commands_failed(), follower.seen()));
  }
  if (response) {
    if (auto failure = session.failure_of({response->status, follower.error_line()}))
      return tl::unexpected(*failure);
    return end_with(ExitCode::unavailable,
                    fmt::format("the node ended the stream after {} events", follower.seen()));
  }
  if (response.error().code == ExitCode::try_again) {
    return end_with(ExitCode::try_again, fmt::format("{} ms are over after {} events",
                                                     session.timeout().count(), follower.seen()));
  }
  return tl::unexpected(response.error());
}

Outcome<void> run(Session& session, const Arguments& arguments) {
  auto wanted = read_wanted(arguments);
  if (!wanted) return tl::unexpected(wanted.error());
  const auto members = session.get("/api/v1/members");
  if (!members) return tl::unexpected(members.error());
  peers::HttpRequest request;
  request.target = wanted->target;
  request.timeout = session.timeout_given() ? session.timeout() : std::chrono::milliseconds{0};
  Follower follower(session, std::move(*wanted), names_by_id(*members));
  request.on_data = [&follower](std::string_view bytes) { return follower.take(bytes); };
  const auto response = session.send(std::move(request));
  if (auto finished = follower.finish(); !finished) return finished;
  return verdict(session, follower, response);
}

}  // namespace

Verb listen_verb() {
  Verb verb;
  verb.name = "listen";
  verb.words = "[TYPE-GLOB]";
  verb.words_max = 1;
  verb.summary = "Prints events as they come, or runs a command for each; or does a group's work.";
  verb.examples =
      "  evmesh listen -k User:bob -k MailboxId:42\n"
      "  evmesh listen --group index --durable --exec ./index-one\n";
  verb.flags = {
      {"key,k", "KEY", "a key to listen on, Type:value", true},
      {"each-node", "", "every event of the bus (modes mono and broadcast)"},
      {"group,g", "NAME",
       "does the work of a group: what is printed, or whose --exec ends with 0, is done; 65 never again"},
      {"durable", "",
       "with --group: events go on being owed to it when this ends, also to a group that is new"},
      {"count", "COUNT", "end after so many events"},
      {"exec", "COMMAND", "run this for each event: JSON on its input, EVMESH_EVENT_* in its environment"},
      {"bus", "NAME", "the bus (default: the node's first)"}};
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
