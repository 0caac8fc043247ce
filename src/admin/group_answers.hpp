#pragma once

#include <span>
#include <string>

#include <evmesh/group_work.hpp>
#include <evmesh/mesh_work.hpp>

namespace evmesh::admin {

// Every document is one line of JSON with a line end; the schemas stand in it. What nodes answered together
// names those that did not answer as "unreached", when there are some.

using Missing = std::span<const Unreached>;

[[nodiscard]] std::string groups_json(std::span<const GroupStatus> groups, Missing missing = {});
[[nodiscard]] std::string group_json(const GroupStatus& group, Missing missing = {});
[[nodiscard]] std::string removed_group_json(const std::string& bus, const std::string& group,
                                             std::uint64_t cancelled, Missing missing = {});

/// What became of an event, in each group it was owed to.
[[nodiscard]] std::string life_json(const EventLife& life, Missing missing = {});
[[nodiscard]] std::string lives_json(std::span<const EventLife> lives);

/// A page of letters in short, or whole as `to_json` writes them.
[[nodiscard]] std::string letters_json(const DeadLetterPage& page, bool whole);
[[nodiscard]] std::string letters_json(const FromMesh<MeshLetterPage>& page, bool whole);
[[nodiscard]] std::string letter_json(const DeadLetterEntry& entry);

/// `{"schema":..., NAME: count}`.
[[nodiscard]] std::string count_json(const std::string& name, std::uint64_t count, Missing missing = {});
[[nodiscard]] std::string imported_json(const Imported& imported);

[[nodiscard]] std::string tasks_json(std::span<const TaskStatus> tasks, Missing missing = {});
[[nodiscard]] std::string task_json(const TaskStatus& task, Missing missing = {});

// The forms of James.

[[nodiscard]] std::string james_texts_json(std::span<const std::string> texts);
[[nodiscard]] std::string james_task_json(const TaskStatus& task, const std::string& node);
[[nodiscard]] std::string james_tasks_json(std::span<const TaskStatus> tasks, const std::string& node);
[[nodiscard]] std::string james_error_json(int status, const std::string& message);

}  // namespace evmesh::admin
