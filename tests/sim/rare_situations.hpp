#pragma once

#include <string_view>
#include <vector>

namespace evmesh::sim {

/// Situations in which such machines are usually wrong: a full run in which one never happened proves nothing of it.
[[nodiscard]] const std::vector<std::string_view>& rare_situations();

}  // namespace evmesh::sim
