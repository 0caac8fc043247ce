#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <evmesh/node.hpp>

/// What the node says, as JSON texts with a "schema" member, each ending with a line end.
namespace evmesh::admin {

/// evmesh.node.v1: the status without its members; `admin` are counters of the admin surface.
[[nodiscard]] std::string node_json(const NodeStatus& status,
                                    const std::map<std::string, std::uint64_t>& admin);

/// evmesh.members.v1.
[[nodiscard]] std::string members_json(const NodeStatus& status);

/// evmesh.member.v1: one row, with the streams from and to it.
[[nodiscard]] std::string member_json(const NodeStatus& status, const Member& member);

/// evmesh.keys.v1; `next` continues the list.
[[nodiscard]] std::string keys_json(std::span<const KeyStatus> keys, const std::optional<std::string>& next);

/// evmesh.key.v1: one key with all that is known about its way here.
[[nodiscard]] std::string key_json(const KeyStatus& key, const NodeStatus& status);

/// evmesh.receipt.v1.
struct DispatchAnswer {
  std::string bus;
  std::vector<std::string> event_ids;
  Receipt receipt;
  std::optional<SeenBy> seen;  ///< when it was asked for
};
[[nodiscard]] std::string receipt_json(const DispatchAnswer& answer);

/// evmesh.seen.v1.
[[nodiscard]] std::string seen_json(const SeenBy& seen);

/// `{"registered":{...}}`, the first line of a stream.
[[nodiscard]] std::string registered_json(const RegistrationReceipt& receipt);

/// evmesh.done.v1: an order was carried out or begun.
[[nodiscard]] std::string done_json(const std::string& what, const std::string& member);

/// evmesh.version.v1.
[[nodiscard]] std::string version_json();

}  // namespace evmesh::admin
