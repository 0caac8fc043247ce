#pragma once

#include <string_view>

#include <evmesh/redelivery.hpp>

#include "bus/letter_box.hpp"

namespace evmesh::bus {

[[nodiscard]] LetterBox::Filter rows_of(const DeadLetterFilter& filter);

/// A letter as operators see it. Errors: undecodable.
[[nodiscard]] Result<DeadLetterEntry> to_entry(const Letter& letter);

/// What `to_json` of a dead letter wrote, in the form it is kept in. A line without an id makes a new letter.
/// Errors: undecodable or invalid_argument, naming the member.
[[nodiscard]] Result<Letter> letter_of_json(std::string_view line);

}  // namespace evmesh::bus
