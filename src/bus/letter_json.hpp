#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <evmesh/redelivery.hpp>

#include "bus/json_fields.hpp"
#include "bus/letter_box.hpp"

namespace evmesh::bus {

[[nodiscard]] LetterBox::Filter rows_of(const DeadLetterFilter& filter);

/// A letter as operators see it. Errors: undecodable.
[[nodiscard]] Result<DeadLetterEntry> to_entry(const Letter& letter);

/// The failed attempts of anything, as an array, and back; what is wrong is said to `json`.
[[nodiscard]] std::string attempts_json(const std::vector<Attempt>& attempts);
[[nodiscard]] std::vector<Attempt> read_attempts(JsonReader& json);

/// What `to_json` of a dead letter wrote, in the form it is kept in. A line without an id makes a new letter.
/// Errors: undecodable or invalid_argument, naming the member.
[[nodiscard]] Result<Letter> letter_of_json(std::string_view line);

}  // namespace evmesh::bus
