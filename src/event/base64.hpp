#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace evmesh::event {

/// RFC 4648 with padding, without line breaks.
[[nodiscard]] std::string encode_base64(std::string_view bytes);

/// Nothing unless `text` is exactly what `encode_base64` writes for some bytes.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace evmesh::event
