#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/frames.hpp"

namespace evmesh::membership {

/// Why a HELLO is not taken.
struct Refusal {
  wire::RejectReason reason = wire::RejectReason::malformed;
  std::string text;  ///< names the value and the cure
};

/// What is wrong with `hello` whoever sent it; nothing when it is fine for a node of `cluster`.
[[nodiscard]] std::optional<Refusal> refusal_of(const wire::Hello& hello, std::string_view cluster);

/// `[A-Za-z0-9._-]{1,64}`.
[[nodiscard]] bool valid_node_name(std::string_view name);

/// Why nobody else can dial `endpoint`; nothing when somebody may.
[[nodiscard]] std::optional<std::string> endpoint_fault(std::string_view endpoint);

}  // namespace evmesh::membership
