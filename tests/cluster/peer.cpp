// A node for tests that need more than the command line offers: it reads one JSON object per line, does what
// "do" says and answers with one JSON line. Several nodes can live in one process. mesh.py drives it.
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <evmesh/evmesh.hpp>
#include <nlohmann/json.hpp>

#include "engine_stall.hpp"
#include "ledger_listener.hpp"
#include "load.hpp"

namespace evmesh::peer {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

struct OpenNode {
  std::set<int> threads;
  std::mutex mutex;
  std::string fatal;  // guarded by mutex
  std::unique_ptr<Node> node;
};

Json refusal(const Error& error) {
  return {{"ok", false}, {"code", to_string(error.code)}, {"message", error.message}};
}

std::unique_ptr<Ledger> ledger_of(const Json& order) {
  const std::string path = order.value("ledger", "");
  return path.empty() ? nullptr : std::make_unique<Ledger>(path);
}

void log_line(const LogRecord& record) {
  std::string line = std::string(to_string(record.level)) + " " + record.message;
  for (const auto& [name, value] : record.fields) line += " " + name + "=" + value;
  std::cerr << line + "\n";
}

NodeOptions options_of(const Json& order) {
  NodeOptions options;
  options.name = order.value("name", "");
  const std::string mode = order.value("mode", "broadcast");
  options.mode = mode == "mono" ? Mode::mono : mode == "broadcast" ? Mode::broadcast : Mode::scale_efficient;
  if (options.mode != Mode::mono) options.listen = order.value("listen", "tcp://127.0.0.1:0");
  options.cluster = order.value("cluster", options.cluster);
  options.data_dir = order.value("data_dir", "");
  options.seeds = order.value("seeds", options.seeds);
  options.insecure = order.value("insecure", false);
  options.ring_bytes_max = order.value("ring_bytes", options.ring_bytes_max);
  options.window_bytes = order.value("window_bytes", options.window_bytes);
  options.event_size_bytes_max = order.value("event_bytes", options.event_size_bytes_max);
  options.log = log_line;
  return options;
}

std::uint64_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
  }
  return 0;
}

class Peer {
 public:
  Peer();

  Json obey(const Json& order);

 private:
  Node& node(const Json& order) { return *nodes_.at(order.value("node", "self"))->node; }

  Json open(const Json& order);
  Json add(const Json& order);
  Json remove(const Json& order);
  Json dispatch(const Json& order);
  Json start_load(const Json& order);
  Json load(const Json& order);
  Json stall_engine(const Json& order);
  Json status(const Json& order);
  Json forget(const Json& order);

  std::map<std::string, std::function<Json(const Json&)>> verbs_;
  // In the order in which they may be destroyed from the end: loads and registrations need the nodes.
  std::map<std::string, std::unique_ptr<OpenNode>> nodes_;
  std::map<std::string, std::shared_ptr<LedgerListener>> listeners_;
  std::map<std::string, std::vector<Registration>> registrations_;
  std::map<std::string, std::unique_ptr<Load>> loads_;
};

Peer::Peer() {
  verbs_["open"] = [this](const Json& order) { return open(order); };
  verbs_["register"] = [this](const Json& order) { return add(order); };
  verbs_["unregister"] = [this](const Json& order) { return remove(order); };
  verbs_["dispatch"] = [this](const Json& order) { return dispatch(order); };
  verbs_["start_load"] = [this](const Json& order) { return start_load(order); };
  verbs_["load"] = [this](const Json& order) { return load(order); };
  verbs_["stall_engine"] = [this](const Json& order) { return stall_engine(order); };
  verbs_["status"] = [this](const Json& order) { return status(order); };
  verbs_["forget"] = [this](const Json& order) { return forget(order); };
  verbs_["heard"] = [this](const Json& order) {
    const LedgerListener& listener = *listeners_.at(order.at("listener"));
    return Json{{"ok", true}, {"events", listener.events()}, {"gaps", listener.gaps()}};
  };
  verbs_["stall"] = [this](const Json& order) {
    listeners_.at(order.at("listener"))->stall(order.at("stalled"));
    return Json{{"ok", true}};
  };
  verbs_["stop"] = [this](const Json& order) {
    node(order).stop();
    return Json{{"ok", true}};
  };
  verbs_["leave"] = [this](const Json& order) {
    node(order).leave();
    return Json{{"ok", true}};
  };
}

Json Peer::obey(const Json& order) {
  const auto verb = verbs_.find(order.at("do").get<std::string>());
  if (verb == verbs_.end()) return {{"ok", false}, {"code", "unknown_verb"}, {"message", order.dump()}};
  return verb->second(order);
}

Json Peer::open(const Json& order) {
  auto opened = std::make_unique<OpenNode>();
  const std::set<int> before = threads_now();
  NodeOptions options = options_of(order);
  options.on_fatal = [place = opened.get()](const Error& error) {
    const std::lock_guard lock(place->mutex);
    place->fatal = error.message;
  };
  auto node = Node::open(std::move(options));
  if (!node) return refusal(node.error());
  opened->node = std::move(*node);
  for (const int thread : threads_now()) {
    if (!before.contains(thread)) opened->threads.insert(thread);
  }
  const NodeStatus status = opened->node->status();
  nodes_[order.value("node", "self")] = std::move(opened);
  return {{"ok", true},
          {"id", status.id.to_string()},
          {"epoch", status.epoch},
          {"listen", status.listen},
          {"publish", status.publish}};
}

/// Registers one listener under "keys", or under "count" keys PREFIX1, PREFIX2 and so on, or each-node.
Json Peer::add(const Json& order) {
  const std::string name = order.at("listener");
  auto& listener = listeners_[name];
  if (!listener) listener = std::make_shared<LedgerListener>(ledger_of(order));
  EventBus& bus = node(order).bus();
  RegisterOptions options;
  options.receipt_timeout = milliseconds(order.value("receipt_ms", 30'000));
  options.inbox_bytes_max = order.value("inbox_bytes", std::uint64_t{0});
  std::vector<RegistrationKey> keys;
  std::vector<std::string> texts = order.value("keys", std::vector<std::string>{});
  for (std::uint64_t i = 1; i <= order.value("count", std::uint64_t{0}); ++i) {
    texts.push_back(order.at("prefix").get<std::string>() + std::to_string(i));
  }
  for (const std::string& text : texts) {
    auto key = RegistrationKey::parse(text);
    if (!key) return refusal(key.error());
    keys.push_back(*key);
  }
  auto registration = order.value("each_node", false) ? bus.register_each_node(listener, options)
                                                      : bus.register_listener(listener, keys, options);
  if (!registration) return refusal(registration.error());
  const RegistrationReceipt receipt = registration->receipt();
  registrations_[name].push_back(std::move(*registration));
  Json acknowledged = Json::object();
  for (const PeerAcknowledgement& peer : receipt.acknowledged) acknowledged[peer.peer.to_string()] = peer.seq;
  return {{"ok", true}, {"acknowledged", acknowledged}, {"missing", receipt.missing}};
}

Json Peer::remove(const Json& order) {
  registrations_.erase(order.at("listener").get<std::string>());
  return {{"ok", true}};
}

Json Peer::dispatch(const Json& order) {
  std::vector<RegistrationKey> keys;
  for (const std::string& text : order.value("keys", std::vector<std::string>{})) {
    auto key = RegistrationKey::parse(text);
    if (!key) return refusal(key.error());
    keys.push_back(*key);
  }
  std::string payload = order.value("payload", "");
  payload.resize(std::max<std::size_t>(payload.size(), order.value("size", std::size_t{0})), '.');
  const Event event({.type = order.value("type", "test"), .payload = std::move(payload)});
  const auto receipt = node(order).bus().dispatch(event, keys);
  if (!receipt) return refusal(receipt.error());
  Json answer{{"ok", true}, {"seq", receipt->seq}, {"interested", receipt->interested}, {"seen", Json::array()}};
  if (const int wait = order.value("wait_seen_ms", 0); wait != 0) {
    for (const SeenBy::Peer& peer : node(order).bus().wait_seen(*receipt, milliseconds(wait)).peers) {
      if (peer.seen) answer["seen"].push_back(peer.name);
    }
  }
  return answer;
}

Json Peer::start_load(const Json& order) {
  LoadPlan plan;
  for (const std::string& text : order.at("keys").get<std::vector<std::string>>()) {
    auto key = RegistrationKey::parse(text);
    if (!key) return refusal(key.error());
    plan.keys.push_back(*key);
  }
  plan.label = order.at("label");
  plan.count = order.value("count", plan.count);
  plan.rate = order.value("rate", plan.rate);
  plan.size = order.value("size", plan.size);
  const std::string name = plan.label;
  loads_[name] = std::make_unique<Load>(node(order).bus(), std::move(plan), ledger_of(order));
  return {{"ok", true}};
}

Json Peer::load(const Json& order) {
  Load& load = *loads_.at(order.at("label"));
  if (order.value("stop", false)) load.stop();
  return {{"ok", true},
          {"sent", load.sent()},
          {"refused", load.refused()},
          {"running", load.running()},
          {"failure", load.failure()}};
}

Json Peer::stall_engine(const Json& order) {
  const auto& threads = nodes_.at(order.value("node", "self"))->threads;
  stall(threads, milliseconds(order.at("ms").get<int>()));
  return {{"ok", true}, {"threads", threads.size()}};
}

Json Peer::status(const Json& order) {
  OpenNode& opened = *nodes_.at(order.value("node", "self"));
  const NodeStatus status = opened.node->status();
  Json members = Json::object();
  for (const Member& member : status.members) {
    members[member.name] = {{"id", member.id.to_string()}, {"epoch", member.epoch},
                            {"state", to_string(member.state)}, {"reason", member.reason},
                            {"self", member.self},             {"hears_us", member.hears_us},
                            {"we_hear", member.we_hear},       {"pub_connected", member.pub_connected},
                            {"keys", member.keys}};
  }
  Json in_step = Json::object();
  for (const OutboundPeer& peer : status.outbound) in_step[peer.name] = peer.in_step;
  Json inbound = Json::object();
  for (const InboundStream& stream : status.inbound) inbound[stream.publisher_name] = stream.through;
  const std::lock_guard lock(opened.mutex);
  return {{"ok", true},           {"members", members},          {"in_step", in_step},
          {"inbound", inbound},   {"counters", status.counters}, {"heads", status.heads},
          {"failed", status.failed}, {"failure", status.failure}, {"fatal", opened.fatal},
          {"rss_kib", resident_kib()}};
}

Json Peer::forget(const Json& order) {
  const auto done = node(order).forget(order.at("member").get<std::string>());
  return done ? Json{{"ok", true}} : refusal(done.error());
}

}  // namespace
}  // namespace evmesh::peer

int main() {
  evmesh::peer::prepare_stalls();
  evmesh::peer::Peer peer;
  for (std::string line; std::getline(std::cin, line);) {
    nlohmann::json answer;
    try {
      answer = peer.obey(nlohmann::json::parse(line));
    } catch (const std::exception& error) {
      answer = {{"ok", false}, {"code", "bad_order"}, {"message", error.what()}};
    }
    // Names may hold bytes that are no UTF-8, because tests send them.
    std::cout << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  }
}
