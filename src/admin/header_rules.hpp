#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/http.hpp"

namespace evmesh::admin {

/// The headers of a request as they were sent, in order.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// The answer to a request that must not be read further, or nothing. 400 when its length can be understood
/// in two ways, 403 when a web page makes it: an Origin or a Host that is not this machine's loopback.
[[nodiscard]] std::optional<Response> refuse_headers(const Headers& headers);

/// `localhost`, an address of 127.0.0.0/8 or `[::1]`, with or without a port.
[[nodiscard]] bool is_loopback_authority(std::string_view authority);

}  // namespace evmesh::admin
