#include "admin/answers.hpp"

#include <nlohmann/json.hpp>

#include "event/instant.hpp"

namespace evmesh::admin {
namespace {

using Json = nlohmann::ordered_json;

/// Names come from peers; whatever bytes they hold, the answer is UTF-8.
std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json member_row(const Member& member) {
  Json row{{"name", member.name},
           {"id", member.id.to_string()},
           {"epoch", member.epoch},
           {"state", to_string(member.state)},
           {"reason", member.reason},
           {"endpoint", member.endpoint},
           {"mode", nullptr},
           {"self", member.self},
           {"we_hear", member.we_hear},
           {"hears_us", member.hears_us},
           {"pub_connected", member.pub_connected},
           {"transient", member.transient},
           {"last_heard_ms", member.last_heard.count()},
           {"keys", member.keys}};
  if (member.mode) row["mode"] = to_string(*member.mode);
  return row;
}

Json inbound_row(const InboundStream& stream) {
  return {{"publisher", stream.publisher_name},
          {"publisher_id", stream.publisher.to_string()},
          {"epoch", stream.epoch},
          {"bus", stream.bus},
          {"through", stream.through},
          {"head", stream.head}};
}

Json outbound_row(const OutboundPeer& peer) {
  return {{"peer", peer.name},
          {"peer_id", peer.peer.to_string()},
          {"bus", peer.bus},
          {"through", peer.through},
          {"in_step", peer.in_step}};
}

Json receipt_object(const RegistrationReceipt& receipt) {
  Json acknowledged = Json::array();
  for (const PeerAcknowledgement& peer : receipt.acknowledged) {
    acknowledged.push_back({{"name", peer.name}, {"id", peer.peer.to_string()}, {"seq", peer.seq}});
  }
  return {{"complete", receipt.complete()},
          {"acknowledged", std::move(acknowledged)},
          {"missing", receipt.missing},
          {"elapsed_us", receipt.elapsed.count()}};
}

Json seen_rows(const SeenBy& seen) {
  Json peers = Json::array();
  for (const SeenBy::Peer& peer : seen.peers) {
    peers.push_back({{"name", peer.name},
                     {"id", peer.id.to_string()},
                     {"seen", peer.seen},
                     {"after_us", peer.after.count()}});
  }
  return peers;
}

Json key_row(const KeyStatus& key) {
  Json row{{"bus", key.bus},
           {"key", key.key},
           {"listeners", key.listeners},
           {"listener_names", key.listener_names},
           {"since", nullptr},
           {"peers", key.peers},
           {"key_gaps", key.gaps}};
  if (key.since != Timestamp{}) row["since"] = event::format_instant(key.since);
  return row;
}

}  // namespace

std::string node_json(const NodeStatus& status, const std::map<std::string, std::uint64_t>& admin) {
  Json inbound = Json::array();
  for (const InboundStream& stream : status.inbound) inbound.push_back(inbound_row(stream));
  Json outbound = Json::array();
  for (const OutboundPeer& peer : status.outbound) outbound.push_back(outbound_row(peer));
  return line({{"schema", "evmesh.node.v1"},
               {"name", status.name},
               {"id", status.id.to_string()},
               {"epoch", status.epoch},
               {"mode", to_string(status.mode)},
               {"delivery", to_string(status.delivery)},
               {"cluster", status.cluster},
               {"listen", status.listen},
               {"publish", status.publish},
               {"failed", status.failed},
               {"failure", status.failure},
               {"notes", status.notes},
               {"members", status.members.size()},
               {"heads", Json(status.heads)},
               {"inbound", std::move(inbound)},
               {"outbound", std::move(outbound)},
               {"counters", Json(status.counters)},
               {"admin", Json(admin)}});
}

std::string members_json(const NodeStatus& status) {
  Json items = Json::array();
  for (const Member& member : status.members) items.push_back(member_row(member));
  return line({{"schema", "evmesh.members.v1"}, {"items", std::move(items)}});
}

std::string member_json(const NodeStatus& status, const Member& member) {
  Json answer{{"schema", "evmesh.member.v1"}};
  answer.update(member_row(member));
  Json inbound = Json::array();
  for (const InboundStream& stream : status.inbound) {
    if (stream.publisher == member.id) inbound.push_back(inbound_row(stream));
  }
  Json outbound = Json::array();
  for (const OutboundPeer& peer : status.outbound) {
    if (peer.peer == member.id) outbound.push_back(outbound_row(peer));
  }
  answer["inbound"] = std::move(inbound);
  answer["outbound"] = std::move(outbound);
  return line(answer);
}

std::string keys_json(std::span<const KeyStatus> keys, const std::optional<std::string>& next) {
  Json items = Json::array();
  for (const KeyStatus& key : keys) items.push_back(key_row(key));
  Json answer{{"schema", "evmesh.keys.v1"}, {"items", std::move(items)}, {"next", nullptr}};
  if (next) answer["next"] = *next;
  return line(answer);
}

std::string key_json(const KeyStatus& key, const NodeStatus& status) {
  Json answer{{"schema", "evmesh.key.v1"}};
  answer.update(key_row(key));
  answer["receipt"] = receipt_object(key.receipt);
  const auto head = status.heads.find(key.bus);
  answer["last_seq"] = head == status.heads.end() ? 0 : head->second;
  Json inbound = Json::array();
  for (const InboundStream& stream : status.inbound) {
    if (stream.bus == key.bus) inbound.push_back(inbound_row(stream));
  }
  answer["inbound"] = std::move(inbound);
  Json gaps = Json::object();
  for (const auto& [name, value] : status.counters) {
    if (name.find("gap") != std::string::npos) gaps[name] = value;
  }
  answer["gaps"] = std::move(gaps);
  return line(answer);
}

std::string receipt_json(const DispatchAnswer& answer) {
  Json json{{"schema", "evmesh.receipt.v1"},
            {"accepted", answer.event_ids.size()},
            {"noop", answer.receipt.noop},
            {"event_ids", answer.event_ids},
            {"bus", answer.bus},
            {"first_seq", answer.receipt.first_seq},
            {"seq", answer.receipt.seq},
            {"interested", answer.receipt.interested},
            {"listeners", answer.receipt.listeners},
            {"groups", answer.receipt.groups},
            {"copies", answer.receipt.copies},
            {"degraded", answer.receipt.degraded},
            {"dispatch", nullptr},
            {"seen", nullptr}};
  if (!answer.receipt.dispatch.owner.nil()) json["dispatch"] = answer.receipt.dispatch.to_string();
  if (answer.seen) json["seen"] = seen_rows(*answer.seen);
  return line(json);
}

std::string seen_json(const SeenBy& seen) {
  return line({{"schema", "evmesh.seen.v1"}, {"seen", seen_rows(seen)}});
}

std::string registered_json(const RegistrationReceipt& receipt) {
  return line({{"registered", receipt_object(receipt)}});
}

std::string done_json(const std::string& what, const std::string& member) {
  return line({{"schema", "evmesh.done.v1"}, {"done", what}, {"member", member}});
}

std::string version_json() { return line({{"schema", "evmesh.version.v1"}, {"version", EVMESH_VERSION}}); }

}  // namespace evmesh::admin
