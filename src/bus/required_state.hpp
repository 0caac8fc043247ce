#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <evmesh/ids.hpp>

#include "wire/frames.hpp"
#include "work/types.hpp"

namespace evmesh::bus {

/// What a bus asks of a group that is required on it.
struct RequiredState {
  bool critical = true;
  std::optional<std::string> paused{};  ///< why; nothing: it runs

  bool operator==(const RequiredState&) const = default;
};

[[nodiscard]] RequiredState state_of(const wire::GroupEntry& entry);
[[nodiscard]] work::Policy policy_of(const wire::GroupEntry& entry);

/// By which a group's document is kept: BUS/GROUP.
[[nodiscard]] std::string required_name(const wire::GroupEntry& entry);
[[nodiscard]] std::string required_document(const wire::GroupEntry& entry);

/// Nothing when `name` names no group. A document that cannot be read counts as nothing special, written by `self`: the
/// group must be required all the same.
[[nodiscard]] std::optional<wire::GroupEntry> read_required(std::string_view name, std::string_view document,
                                                            const NodeId& self);

}  // namespace evmesh::bus
