#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/dead_letters.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// Which dead letters of a node; what is empty does not matter. Value.
struct DeadLetterFilter {
  std::optional<DeadLetterId> id{};
  std::string bus{};
  std::string group{};
  std::string type{};
  std::string text{};  ///< stands in the type, the user, a key or an error
  std::optional<EventId> event{};
  std::optional<Timestamp> since{};  ///< failed then or later
  std::optional<Timestamp> until{};  ///< failed before

  /// True when it names all there are.
  [[nodiscard]] bool all() const { return *this == DeadLetterFilter{}; }

  bool operator==(const DeadLetterFilter&) const = default;
};

/// A dead letter with its place in the node. Value.
struct DeadLetterEntry {
  DeadLetter letter;
  std::string bus;
  std::uint64_t number = 0;   ///< the order they were kept in; never used twice
  DispatchId dispatch;        ///< of the acceptance that failed; its owner is nil when it never was accepted
  std::uint32_t returns = 0;  ///< how often it was redelivered before
  Timestamp accepted{};
};

/// Some of the letters, in the order they were kept. Value.
struct DeadLetterPage {
  std::vector<DeadLetterEntry> items;
  std::uint64_t next = 0;  ///< the `after` of the next page; 0: there is no more
};

/// The letter on one line of JSON, without line end: event, keys, group, attempts. What `import_dead_letters`
/// reads.
[[nodiscard]] std::string to_json(const DeadLetterEntry& entry);

/// What an import came to. Value.
struct Imported {
  std::uint64_t read = 0;
  std::uint64_t kept = 0;  ///< the others were there already
};

/// Names a task.
struct TaskId : Uuid {
  [[nodiscard]] static TaskId fresh();
  [[nodiscard]] static Result<TaskId> parse(std::string_view text);

  auto operator<=>(const TaskId&) const = default;
};

enum class TaskState : std::uint8_t {
  waiting,
  in_progress,
  completed,
  failed,     ///< it has looked at everything, and some could not be redelivered
  cancelled,  ///< what was redelivered before stays so
};

/// "waiting", "inProgress", "completed", "failed", "cancelled": the words of James.
[[nodiscard]] std::string_view to_string(TaskState state);

/// What a redelivery is asked to do. Value.
struct Redelivery {
  DeadLetterFilter filter{};
  std::uint64_t limit = 0;  ///< letters at most; 0: all
  double per_second = 0;    ///< letters at most, 0.001 to 1,000,000; 0: as fast as it goes
  bool dry_run = false;     ///< only looks: counts what it would redeliver
};

/// How far a task has got. Value.
struct TaskStatus {
  TaskId id;
  Redelivery order;
  TaskState state = TaskState::waiting;
  std::uint64_t total = 0;  ///< letters that matched when it was ordered
  std::uint64_t looked_at = 0;
  std::uint64_t redelivered = 0;  ///< owed again; in a dry run: would be
  std::uint64_t failed = 0;       ///< could not be redelivered and are dead letters still
  std::uint64_t skipped = 0;      ///< owed or removed already
  std::string note;               ///< why the last of `failed` failed, or what it waits for
  Timestamp submitted{};
  std::optional<Timestamp> started{};
  std::optional<Timestamp> ended{};

  [[nodiscard]] bool over() const { return state >= TaskState::completed; }
};

}  // namespace evmesh
