#pragma once

#include <string>
#include <string_view>

/// Scripts that let a shell complete verbs and flags, made from the table of verbs.
namespace evmesh::cli {

[[nodiscard]] std::string bash_completion();
[[nodiscard]] std::string zsh_completion();
[[nodiscard]] std::string fish_completion();

/// `name` of a flag without its dashes, and its single letter or nothing: "key,k" is "key" and "k".
[[nodiscard]] std::string_view long_name(std::string_view name);
[[nodiscard]] std::string_view short_name(std::string_view name);

/// The flags whose next word is their value, as a pattern of bash and zsh: "--bus|--key|-k".
[[nodiscard]] std::string flags_with_value();

/// Flags of which the value is a file or directory.
[[nodiscard]] bool takes_path(std::string_view name);

}  // namespace evmesh::cli
