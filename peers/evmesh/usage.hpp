#pragma once

#include <string>

#include "evmesh/command.hpp"

namespace evmesh::cli {

/// `evmesh --help`.
[[nodiscard]] std::string usage_text();

/// `evmesh VERB --help`: words, flags and two examples.
[[nodiscard]] std::string verb_usage(const Verb& verb);

}  // namespace evmesh::cli
