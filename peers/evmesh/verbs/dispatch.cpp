#include <chrono>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "base/text.hpp"

#include "evmesh/verbs/dispatch_done.hpp"
#include "evmesh/verbs/dispatch_items.hpp"
#include "evmesh/verbs/dispatch_total.hpp"
#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

using Clock = std::chrono::steady_clock;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::size_t request_events_max = 256;
constexpr std::size_t request_bytes_max = 256 * 1024;
constexpr std::chrono::milliseconds ask_again{100};

/// Longer than the attempts of a group take by default.
constexpr std::chrono::minutes done_wait{5};

struct Plan {
  std::unique_ptr<Items> items;
  double per_second = 0;  // 0: as fast as the node takes them
  std::chrono::milliseconds wait_seen{0};
  bool wait_done = false;
  std::string target;
};

/// "50" or "50/s".
Outcome<double> read_rate(const Arguments& arguments) {
  std::string text = arguments.text("rate", "0");
  if (text.ends_with("/s")) text.resize(text.size() - 2);
  char* end = nullptr;
  const double rate = std::strtod(text.c_str(), &end);
  const bool whole =
      !text.empty() && *end == '\0' && text.find_first_not_of("0123456789.") == std::string::npos;
  constexpr double rate_max = 1e6;
  if (whole && rate <= rate_max && (rate > 0 || !arguments.has("rate"))) return rate;
  return end_with(ExitCode::usage,
                  "--rate " + base::quoted(arguments.text("rate")) +
                      ": write events per second, more than 0 and at most 1000000, like 50/s");
}

Outcome<Plan> make_plan(const Arguments& arguments) {
  Plan plan;
  auto items = read_items(arguments);
  if (!items) return tl::unexpected(items.error());
  plan.items = std::move(*items);
  const auto rate = read_rate(arguments);
  if (!rate) return tl::unexpected(rate.error());
  plan.per_second = *rate;
  const auto wait = arguments.duration("wait-seen", "1s");
  if (!wait) return tl::unexpected(wait.error());
  constexpr std::chrono::seconds wait_max{60};
  if (*wait > wait_max) return end_with(ExitCode::usage, "--wait-seen: 60s is the longest");
  plan.wait_seen = *wait;
  const std::string stage = arguments.text("wait", "accepted");
  if (stage != "accepted" && stage != "done") {
    return end_with(ExitCode::usage, "--wait " + base::quoted(stage) + ": it is accepted or done");
  }
  plan.wait_done = stage == "done";
  // Asked for always: with no time to wait the answer still names the interested nodes.
  plan.target = "/api/v1/events?";
  if (arguments.has("bus")) plan.target += "bus=" + escaped_for_url(arguments.text("bus")) + "&";
  plan.target += "wait_seen=";
  return plan;
}

/// A full node is asked again for as long as --timeout says.
Outcome<std::string> post_patiently(Session& session, const Plan& plan, const std::string& body,
                                    std::chrono::milliseconds wait) {
  const auto end = Clock::now() + session.timeout();
  while (true) {
    peers::HttpRequest request;
    request.method = "POST";
    request.target = plan.target + std::to_string(wait.count());
    request.body = body;
    request.timeout = session.timeout() + wait;
    auto response = session.send(std::move(request));
    if (!response) return tl::unexpected(response.error());
    auto failure = session.failure_of(*response);
    if (!failure) return std::move(response->body);
    if (response->status != 429 || Clock::now() >= end) return tl::unexpected(std::move(*failure));
    std::this_thread::sleep_for(ask_again);
  }
}

/// Sends the items in requests of bounded size, each as soon as nothing more can be read at once.
class Sender {
 public:
  Sender(Session& session, const Plan& plan) : session_(session), plan_(plan) {}

  Outcome<Total> send_all() {
    while (auto item = first()) {
      if (!*item) return std::move(total_);
      pace();
      if (auto sent = send(collect(std::move(**item))); !sent) return failed(sent.error());
      progress();
      if (broken_) break;
    }
    return failed(*broken_);
  }

 private:
  /// The item a request begins with; nothing at the end.
  std::optional<std::optional<std::string>> first() {
    if (left_over_) return std::exchange(left_over_, std::nullopt);
    auto item = plan_.items->next(true);
    if (item) return std::move(*item);
    broken_ = item.error();
    return std::nullopt;
  }

  void pace() {
    due_ = UINT64_MAX;
    if (plan_.per_second <= 0) return;
    const std::chrono::duration<double> after(static_cast<double>(sent_) / plan_.per_second);
    std::this_thread::sleep_until(total_.began() + std::chrono::duration_cast<Clock::duration>(after));
    due_ = static_cast<std::uint64_t>(total_.seconds() * plan_.per_second) + 1;
  }

  /// A request's body; an item that does not fit any more begins the next one.
  std::string collect(std::string item) {
    std::string body = "[" + std::move(item);
    std::size_t count = 1;
    ++sent_;
    while (count < request_events_max && sent_ < due_) {
      auto more = plan_.items->next(false);
      if (!more) broken_ = more.error();
      if (!more || !*more) break;
      if (body.size() + (*more)->size() > request_bytes_max) {
        left_over_ = std::move(*more);
        break;
      }
      body.append(",").append(**more);
      ++count;
      ++sent_;
    }
    return body + "]";
  }

  Outcome<void> send(const std::string& body) {
    const bool last = plan_.items->ended() && !left_over_;
    const auto answered =
        post_patiently(session_, plan_, body, last ? plan_.wait_seen : std::chrono::milliseconds{0});
    if (!answered) return tl::unexpected(answered.error());
    total_.add(*answered, plan_.wait_done);
    return {};
  }

  void progress() const {
    const auto all = plan_.items->count();
    if (all && *all == 1) return;
    session_.output().progress(fmt::format("dispatched {}{}  {:.0f}/s", sent_,
                                           all ? "/" + std::to_string(*all) : "",
                                           static_cast<double>(sent_) / total_.seconds()));
  }

  tl::unexpected<peers::Failure> failed(peers::Failure failure) const {
    const auto all = plan_.items->count();
    if (total_.accepted() != 0) {
      failure.message = fmt::format("after {}{} events: {}", total_.accepted(),
                                    all ? " of " + std::to_string(*all) : "", failure.message);
    }
    return tl::unexpected(std::move(failure));
  }

  Session& session_;
  const Plan& plan_;
  Total total_;
  std::optional<std::string> left_over_;
  std::optional<peers::Failure> broken_;  // told after what was read before it is sent
  std::uint64_t sent_ = 0;
  std::uint64_t due_ = 0;  // so many may be sent by now
};

/// Only the last request waited, and its answer speaks of its own events: asks for the nodes that earlier
/// ones concerned.
Outcome<void> wait_for_rest(Session& session, const Plan& plan, Total& total) {
  const auto began = Clock::now();
  const auto nodes = total.nodes();
  for (const auto& [id, node] : nodes) {
    if (total.nodes().at(id).seen) continue;
    const auto left = std::max(began + plan.wait_seen - Clock::now(), Clock::duration::zero());
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(left);
    peers::HttpRequest request;
    request.target = fmt::format("/api/v1/events/seen?bus={}&first={}&last={}&wait_seen={}",
                                 escaped_for_url(total.bus()), node.first, node.last, wait.count());
    request.timeout = session.timeout() + wait;
    const auto response = session.send(std::move(request));
    if (!response) return tl::unexpected(response.error());
    if (auto failure = session.failure_of(*response)) return tl::unexpected(std::move(*failure));
    total.add_seen(response->body,
                   std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began));
  }
  return {};
}

void add_notes(const Output& output, const Plan& plan, const Total& total) {
  if (total.noops() != 0) output.note("the event says that nothing happened; it went nowhere");
  if (plan.items->gaps() != 0)
    output.note(fmt::format("{} lines told of gaps; they were left out", plan.items->gaps()));
  if (total.accepted() > 1) {
    output.note(fmt::format("{} events in {:.2f} s, {:.0f}/s", total.accepted(), total.seconds(),
                            static_cast<double>(total.accepted()) / total.seconds()));
  }
  const std::string seen = total.sentence();
  if (plan.wait_seen.count() != 0 && !seen.empty()) output.note(seen);
}

/// With --wait done: until every group has handled all, or given up.
Outcome<std::optional<Ended>> wait_for_groups(Session& session, const Plan& plan, const Total& total) {
  if (!plan.wait_done) return std::nullopt;
  const auto longest = session.timeout_given() ? session.timeout() : done_wait;
  auto ended = wait_until_over(session, total.owed(), Clock::now() + longest);
  if (!ended) return tl::unexpected(ended.error());
  ended->done += total.accepted() - total.owed().size();
  return *ended;
}

/// What the exit says: all groups are through before nodes have seen.
Outcome<void> verdict(const Total& total, bool asked, const std::optional<Ended>& ended) {
  if (ended && ended->dead > 0) {
    return end_with(ExitCode::negative,
                    fmt::format("{} of {} events died in a group; evmesh dead-letter ls shows why",
                                ended->dead, total.accepted()));
  }
  if (ended && ended->owed > 0) {
    std::string why;
    for (const std::string& hindered : ended->hindered) why += "; " + hindered;
    return end_with(ExitCode::try_again, fmt::format("{} of {} events are still owed to a group{}",
                                                     ended->owed, total.accepted(), why));
  }
  if (!asked || total.seen() == total.nodes().size()) return {};
  return end_with(ExitCode::negative, "");
}

Outcome<void> run(Session& session, const Arguments& arguments) {
  const auto plan = make_plan(arguments);
  if (!plan) return tl::unexpected(plan.error());
  auto total = Sender(session, *plan).send_all();
  session.output().end_progress();
  if (!total) return tl::unexpected(total.error());
  const bool asked = plan->wait_seen.count() != 0;
  if (asked) {
    if (auto waited = wait_for_rest(session, *plan, *total); !waited) return waited;
  }
  const auto ended = wait_for_groups(session, *plan, *total);
  if (!ended) return tl::unexpected(ended.error());
  if (auto printed = session.output().print(total->answer(asked, *ended)); !printed) return printed;
  add_notes(session.output(), *plan, *total);
  return verdict(*total, asked, *ended);
}

}  // namespace

Verb dispatch_verb() {
  Verb verb;
  verb.name = "dispatch";
  verb.words = "TYPE [BODY|-]";
  verb.words_max = 2;
  verb.summary = "Dispatches events and says who has seen them.";
  verb.examples =
      "  evmesh dispatch order.paid '{\"order\":7}' -k Order:7 --user bob\n"
      "  evmesh dispatch --file events.jsonl --rate 50/s --wait done\n";
  verb.flags = {
      {"key,k", "KEY", "whom it concerns, Type:value", true},
      {"user", "NAME", "who caused it"},
      {"header", "NAME=VALUE", "a header", true},
      {"id", "UUID", "the event's id (default: a new one)"},
      {"count", "COUNT", "dispatch it so often, each under a new id"},
      {"rate", "RATE", "at most so many per second, like 50/s"},
      {"file", "FILE",
       "one event per line as JSON, with its keys, as listen prints it too; - for standard input"},
      {"bus", "NAME", "the bus (default: the node's first)"},
      {"wait", "STAGE",
       "accepted (default), or done: until every group has handled it or given it up (exit 1), at most "
       "--timeout or 5m; a group without a runner is named"},
      {"wait-seen", "TIME",
       "wait so long until interested nodes have seen all; 0 does not wait (default: 1s)"}};
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
