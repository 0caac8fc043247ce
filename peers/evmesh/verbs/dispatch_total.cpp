#include "evmesh/verbs/dispatch_total.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t shown_ids = 3;

}  // namespace

void Total::add(const std::string& receipt, bool keep_owed) {
  const Json read = Json::parse(receipt);
  ++requests_;
  accepted_ += read.at("accepted").get<std::uint64_t>();
  listeners_ += read.at("listeners").get<std::uint64_t>();
  if (read.at("noop").get<bool>()) ++noops_;
  told_ = read.at("interested").get<std::uint64_t>();
  bus_ = read.at("bus").get<std::string>();
  const auto groups = read.at("groups").get<std::uint64_t>();
  groups_ += groups;
  if (keep_owed && groups > 0)
    owed_.insert(owed_.end(), read.at("event_ids").begin(), read.at("event_ids").end());
  const auto last = read.at("seq").get<std::uint64_t>();
  const auto first = read.at("first_seq").get<std::uint64_t>();
  number_ = std::max(number_, last);
  if (requests_ > 1 && ids_.size() > shown_ids) ids_.resize(shown_ids);
  for (const auto& id : read.at("event_ids")) {
    if (requests_ == 1 || ids_.size() < shown_ids) ids_.push_back(id);
  }
  for (const auto& peer : read.at("seen").is_null() ? Json::array() : read.at("seen")) {
    nodes_[peer.at("id")] = {peer.at("name"), first, last, peer.at("seen").get<bool>(),
                             peer.at("after_us").get<double>()};
  }
}

void Total::add_seen(const std::string& answer, std::chrono::microseconds waited) {
  const Json read = Json::parse(answer);
  for (const auto& peer : read.at("seen")) {
    const auto found = nodes_.find(peer.at("id"));
    if (found == nodes_.end() || found->second.seen || !peer.at("seen").get<bool>()) continue;
    found->second.seen = true;
    found->second.after_us = static_cast<double>(waited.count());
  }
}

std::uint64_t Total::seen() const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(nodes_, [](const auto& entry) { return entry.second.seen; }));
}

double Total::seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

std::uint64_t Total::interested() const { return requests_ == 1 ? told_ : nodes_.size(); }

Answer Total::answer(bool asked, const std::optional<Ended>& ended) const {
  double slowest = 0;
  Json peers = Json::array();
  for (const auto& [id, node] : nodes_) {
    if (node.seen) slowest = std::max(slowest, node.after_us);
    peers.push_back({{"name", node.name},
                     {"id", id},
                     {"seen", node.seen},
                     {"after_us", static_cast<std::uint64_t>(node.after_us)}});
  }
  std::sort(peers.begin(), peers.end(),
            [](const Json& left, const Json& right) { return left.at("name") < right.at("name"); });
  Json json{{"schema", "evmesh.receipt.v1"},
            {"accepted", accepted_},
            {"noop", noops_ == requests_},
            {"event_ids", ids_},
            {"bus", bus_},
            {"seq", number_},
            {"interested", interested()},
            {"listeners", listeners_},
            {"groups", groups_},
            {"seen", nullptr},
            {"ended", nullptr},
            {"elapsed_us", static_cast<std::uint64_t>(seconds() * 1e6)}};
  if (asked) json["seen"] = std::move(peers);
  if (ended) json["ended"] = Json{{"done", ended->done}, {"dead", ended->dead}, {"owed", ended->owed}};
  Answer answer;
  answer.json = json.dump();
  answer.tables.push_back(
      {{"ACCEPTED", "NUMBER", "LISTENERS HERE", "INTERESTED NODES", "SEEN BY", "SLOWEST", "EVENT"},
       {{std::to_string(accepted_), std::to_string(number_), std::to_string(listeners_),
         std::to_string(interested()), asked ? fmt::format("{} of {}", seen(), nodes_.size()) : "",
         asked && seen() != 0 ? format_age(slowest) : "",
         (ids_.empty() ? "" : ids_.front()) + (accepted_ > 1 ? " ..." : "")}}});
  if (ended) {
    answer.tables.push_back(
        {{"DONE", "DEAD", "OWED"},
         {{std::to_string(ended->done), std::to_string(ended->dead), std::to_string(ended->owed)}}});
  }
  return answer;
}

std::string Total::sentence() const {
  std::string seen;
  std::string missing;
  for (const auto& [id, node] : nodes_) {
    if (!node.seen) {
      missing.append(missing.empty() ? "" : ", ").append(node.name);
    } else {
      seen.append(seen.empty() ? "seen by " : ", ") += node.name + " in " + format_age(node.after_us);
    }
  }
  if (missing.empty()) return seen;
  return seen.append(seen.empty() ? "" : "; ") + "not seen yet by " + missing + "; evmesh status shows why";
}

}  // namespace evmesh::cli
