#pragma once

#include <string_view>

namespace evmesh {

/// The version of these headers, MAJOR.MINOR.PATCH. While MAJOR is 0 a new MINOR may change any name here.
inline constexpr std::string_view library_version = "0.1.0";

}  // namespace evmesh
