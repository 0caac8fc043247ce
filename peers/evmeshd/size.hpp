#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::peers {

/// A whole number and its unit, as people write sizes: `512B`, `64KiB`, `8MiB`, `1GiB`. The unit may be
/// missing only at 0; else `invalid_argument` naming the text.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

/// The shortest text that `parse_size` reads back as the same size.
[[nodiscard]] std::string format_size(std::uint64_t bytes);

}  // namespace evmesh::peers
