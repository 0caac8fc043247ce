#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace evmesh::bus {

/// What a node remembers of a group that is required on it.
struct RequiredState {
  bool critical = true;
  std::optional<std::string> paused{};  ///< why; nothing: it runs

  bool operator==(const RequiredState&) const = default;
};

[[nodiscard]] std::string required_document(const RequiredState& state);

/// What cannot be read counts as nothing special: the group must be required all the same.
[[nodiscard]] RequiredState read_required(std::string_view document);

}  // namespace evmesh::bus
