#include <chrono>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

#include "evmesh/verbs/dispatch_items.hpp"
#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::size_t request_events_max = 256;
constexpr std::size_t request_bytes_max = 256 * 1024;
constexpr std::chrono::milliseconds ask_again{100};
constexpr std::size_t shown_ids = 3;

struct Plan {
  Items items;
  double per_second = 0;  // 0: as fast as the node takes them
  std::chrono::milliseconds wait_seen{0};
  std::string target;
};

/// "50" or "50/s".
Outcome<double> read_rate(const Arguments& arguments) {
  std::string text = arguments.text("rate", "0");
  if (text.ends_with("/s")) text.resize(text.size() - 2);
  char* end = nullptr;
  const double rate = std::strtod(text.c_str(), &end);
  const bool whole = !text.empty() && *end == '\0' && text.find_first_not_of("0123456789.") == std::string::npos;
  constexpr double rate_max = 1e6;
  if (whole && rate <= rate_max && (rate > 0 || !arguments.has("rate"))) return rate;
  return end_with(ExitCode::usage, "--rate " + base::quoted(arguments.text("rate")) +
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
  plan.target = "/api/v1/events";
  if (arguments.has("bus")) plan.target += "?bus=" + escaped_for_url(arguments.text("bus"));
  return plan;
}

/// What was accepted so far, added up over requests.
struct Total {
  std::uint64_t accepted = 0;
  std::uint64_t noops = 0;
  Json last;
  std::vector<std::string> first_ids;
  Clock::time_point began = Clock::now();

  void add(const std::string& answered) {
    last = Json::parse(answered);
    accepted += last.at("accepted").get<std::uint64_t>();
    if (last.at("noop").get<bool>()) ++noops;
    for (const auto& id : last.at("event_ids")) {
      if (first_ids.size() < shown_ids) first_ids.push_back(id);
    }
  }

  [[nodiscard]] double seconds() const { return std::chrono::duration<double>(Clock::now() - began).count(); }
};

/// A full node is asked again for as long as --timeout says.
Outcome<std::string> post_patiently(Session& session, const Plan& plan, const std::string& body, bool last) {
  std::string target = plan.target;
  if (last && plan.wait_seen.count() != 0) {
    target += (target.find('?') == std::string::npos ? "?wait_seen=" : "&wait_seen=") + std::to_string(plan.wait_seen.count());
  }
  const auto end = Clock::now() + session.timeout();
  while (true) {
    peers::HttpRequest request;
    request.method = "POST";
    request.target = target;
    request.body = body;
    request.timeout = session.timeout() + plan.wait_seen;
    auto response = session.send(std::move(request));
    if (!response) return tl::unexpected(response.error());
    auto failure = session.failure_of(*response);
    if (!failure) return std::move(response->body);
    if (response->status != 429 || Clock::now() >= end) return tl::unexpected(std::move(*failure));
    std::this_thread::sleep_for(ask_again);
  }
}

Outcome<Total> send_all(Session& session, const Plan& plan) {
  Total total;
  const std::uint64_t all = plan.items.rounds * plan.items.items.size();
  std::uint64_t sent = 0;
  while (sent < all) {
    std::uint64_t due = all;
    if (plan.per_second > 0) {
      const auto at = total.began + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(static_cast<double>(sent) / plan.per_second));
      std::this_thread::sleep_until(at);
      due = std::min(all, static_cast<std::uint64_t>(total.seconds() * plan.per_second) + 1);
    }
    std::string body = "[";
    const std::uint64_t first = sent;
    do {
      body += (sent == first ? "" : ",") + plan.items.items[sent % plan.items.items.size()];
      ++sent;
    } while (sent < due && sent - first < request_events_max && body.size() < request_bytes_max);
    const auto answered = post_patiently(session, plan, body + "]", sent == all);
    if (!answered) {
      session.output().end_progress();
      auto failure = answered.error();
      if (first != 0) failure.message = fmt::format("after {} of {} events: {}", first, all, failure.message);
      return tl::unexpected(std::move(failure));
    }
    total.add(*answered);
    if (all > 1) session.output().progress(fmt::format("dispatched {}/{}  {:.0f}/s", sent, all, double(sent) / total.seconds()));
  }
  session.output().end_progress();
  return total;
}

struct Seen {
  std::string sentence;
  std::uint64_t seen = 0;
  std::uint64_t asked = 0;
  double slowest_us = 0;
};

Seen seen_of(const Json& last) {
  Seen seen;
  std::string missing;
  for (const auto& peer : last.at("seen").is_null() ? Json::array() : last.at("seen")) {
    ++seen.asked;
    const std::string name = peer.at("name");
    if (!peer.at("seen").get<bool>()) {
      missing.append(missing.empty() ? "" : ", ").append(name);
      continue;
    }
    ++seen.seen;
    const auto after = peer.at("after_us").get<double>();
    seen.slowest_us = std::max(seen.slowest_us, after);
    seen.sentence.append(seen.sentence.empty() ? "seen by " : ", ") += name + " in " + format_age(after);
  }
  if (!missing.empty()) {
    seen.sentence.append(seen.sentence.empty() ? "" : "; ") += "not seen yet by " + missing + "; evmesh status shows why";
  }
  return seen;
}

Outcome<void> run(Session& session, const Arguments& arguments) {
  const auto plan = make_plan(arguments);
  if (!plan) return tl::unexpected(plan.error());
  const auto total = send_all(session, *plan);
  if (!total) return tl::unexpected(total.error());

  const Seen seen = seen_of(total->last);
  const bool asked = !total->last.at("seen").is_null();
  const auto number = total->last.at("seq").get<std::uint64_t>();
  const auto interested = total->last.at("interested").get<std::uint64_t>();
  const auto listeners = total->last.at("listeners").get<std::uint64_t>();
  Answer answer;
  answer.tables.push_back({{"ACCEPTED", "NUMBER", "LISTENERS HERE", "INTERESTED NODES", "SEEN BY", "SLOWEST", "EVENT"},
                           {{std::to_string(total->accepted), std::to_string(number), std::to_string(listeners),
                             std::to_string(interested), asked ? fmt::format("{} of {}", seen.seen, seen.asked) : "",
                             seen.seen == 0 ? "" : format_age(seen.slowest_us),
                             total->first_ids.front() + (total->accepted > 1 ? " ..." : "")}}});
  Json json = total->last;
  json["accepted"] = total->accepted;
  if (total->accepted != json.at("event_ids").size()) json["event_ids"] = total->first_ids;
  json["elapsed_us"] = static_cast<std::uint64_t>(total->seconds() * 1e6);
  answer.json = json.dump();
  if (auto printed = session.output().print(answer); !printed) return printed;

  if (total->noops != 0) session.output().note("the event says that nothing happened; it went nowhere");
  if (total->accepted > 1) {
    session.output().note(fmt::format("{} events in {:.2f} s, {:.0f}/s", total->accepted, total->seconds(),
                                      double(total->accepted) / total->seconds()));
  }
  if (!seen.sentence.empty()) session.output().note(seen.sentence);
  if (seen.seen == seen.asked) return {};
  return end_with(ExitCode::negative, "");
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
      "  evmesh dispatch --file events.jsonl --rate 50/s\n";
  verb.flags = {{"key,k", "KEY", "whom it concerns, Type:value", true},
                {"user", "NAME", "who caused it"},
                {"header", "NAME=VALUE", "a header", true},
                {"id", "UUID", "the event's id (default: a new one)"},
                {"count", "COUNT", "dispatch it so often, each under a new id"},
                {"rate", "RATE", "at most so many per second, like 50/s"},
                {"file", "FILE", "one event per line as JSON, with its keys; - for standard input"},
                {"bus", "NAME", "the bus (default: the node's first)"},
                {"wait-seen", "TIME", "wait so long until interested nodes have seen all; 0 does not wait (default: 1s)"}};
  verb.run = run;
  return verb;
}

}  // namespace evmesh::cli
