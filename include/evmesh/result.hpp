#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace evmesh {

/// What went wrong, for callers that decide by it. The names are the same in logs, in HTTP answers and on the
/// command line (`to_string`).
enum class ErrorCode : std::uint8_t {
  invalid_argument,          ///< a value breaks a documented rule; the message names the value and the rule
  event_too_large,           ///< payload plus headers over `NodeOptions::event_size_bytes_max`
  too_many_keys,             ///< more than 256 keys in one dispatch
  batch_too_large,           ///< more than 1,024 events or 1 MiB of payloads and headers
  too_many_registrations,    ///< the node holds 250,000 keys already
  group_already_registered,  ///< this bus has a listener for the group; other nodes may have theirs
  unknown_group,             ///< nobody runs the group
  each_node_refused,         ///< each-node listeners need mode mono or broadcast
  back_pressure,             ///< the flow window stayed full for `notify_wait`; try again later
  busy,                      ///< too much waits in `dispatch_async`, or no thread or descriptor is left
  too_deep,                  ///< dispatch nested more than 16 deep
  draining,                  ///< refused or unfinished because a call is still running on this thread
  closed,                    ///< the bus or node was closed
  deadline_exceeded,         ///< the time given passed first
  not_supported,             ///< this build or mode cannot do it; the message says what can
  unknown_member,            ///< no member has this name or id
  cannot_bind,               ///< an endpoint is in use or not ours
  storage,                   ///< a file or directory could not be read, written or locked
  undecodable,               ///< bytes do not hold what they claim
  disk_full,                 ///< the journal has no space left; what was accepted goes on
  unknown_outcome,           ///< accepted, but not known to be on the disk; ask by the dispatch id, never dispatch again blindly
  group_in_use,              ///< the group runs here, or is owed something
  not_found,                 ///< no dead letter or task has this id
  node_failed,               ///< the node stopped for good (twin, fenced); the message says why
};

/// The code's name as logs and tools print it, for example "event_too_large".
[[nodiscard]] std::string_view to_string(ErrorCode code);

/// An outcome the caller has to decide on. Value.
struct Error {
  ErrorCode code = ErrorCode::invalid_argument;
  std::string message;  ///< one sentence naming the value and, where there is one, the cure

  bool operator==(const Error&) const = default;
};

/// A value or an `Error`. Nothing throws across the evmesh API.
template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::closed, "...")`, without spelling the unexpected type.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace evmesh
