#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/exit_code.hpp"
#include "evmesh/verbs/dispatch_items.hpp"

namespace evmesh::cli {

/// The lines of a file ("-": standard input), each one event; read as they come. `io` when it cannot be
/// opened.
[[nodiscard]] peers::Outcome<std::unique_ptr<Items>> open_lines(const std::string& file);

/// A line as an item of the event route, in its shortest form. A line that `listen` has printed is taken as
/// well: "bus" and "origin" are left out and "key" becomes "keys". Nothing for a line that tells of a gap.
/// `data` when it is no JSON.
[[nodiscard]] peers::Outcome<std::optional<std::string>> item_of_line(std::string_view line);

/// Appends `,"NAME":VALUE` for bytes: as text when they are UTF-8, or as base64 when that is shorter or they
/// are none.
void append_bytes(std::string& json, std::string_view bytes);

}  // namespace evmesh::cli
