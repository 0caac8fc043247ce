#pragma once

#include <filesystem>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::storage {

/// Appends `lines`, which end with a line end, to `file`, which is made when it is absent; they are on the disk
/// when this returns. An unfinished line that a crash left at the end is cut off first. Errors: storage, naming
/// the file; some of the lines may stand in it then.
[[nodiscard]] Result<void> append_lines(const std::filesystem::path& file, std::string_view lines);

}  // namespace evmesh::storage
