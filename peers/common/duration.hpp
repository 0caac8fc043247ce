#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::peers {

/// A whole number and its unit, as people write durations in flags and files: `100ms`, `5s`, `2m`, `1h`, `0`.
/// The unit may be missing only at 0; nothing negative, at most ten years; else `invalid_argument` naming the
/// text.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The shortest text that `parse_duration` reads back as the same duration, for example `1500ms`, `2m`, `0s`.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace evmesh::peers
