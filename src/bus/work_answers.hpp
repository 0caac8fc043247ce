#pragma once

#include <string>
#include <string_view>

#include "bus/operations.hpp"

namespace evmesh::bus {

/// What one node may ask of another; each is a question by this name, with arguments and answer as JSON
/// objects.
namespace asks {
inline constexpr std::string_view groups = "groups";
inline constexpr std::string_view release_group = "group.release";
inline constexpr std::string_view event = "event";
inline constexpr std::string_view letters = "letters";
inline constexpr std::string_view count_letters = "letters.count";
inline constexpr std::string_view letter = "letter";
inline constexpr std::string_view remove_letters = "letters.remove";
inline constexpr std::string_view redeliver = "redeliver";
inline constexpr std::string_view tasks = "tasks";
inline constexpr std::string_view task = "task";
inline constexpr std::string_view cancel_task = "task.cancel";
}  // namespace asks

/// The longest that "task" waits for a part that is not over.
inline constexpr std::chrono::milliseconds task_wait_max{1'000};

/// The answer of this node to a question of another. Blocks for the disk, and as long as "task" is told to.
/// Errors: not_supported (a later version's question), undecodable, and those of the operation.
[[nodiscard]] Result<std::string> answer_question(Operations& operations, std::string_view question,
                                                  std::string_view arguments);

}  // namespace evmesh::bus
