#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/result.hpp>

#include "evmesh-maildir/user_state.hpp"

/// The bytes of a state file (described in README.md): a snapshot, then batches and what was acknowledged.
/// Pure.
namespace evmesh::maildir {

/// An event as it goes out, the same bytes each time it is sent. Value.
struct OutgoingEvent {
  std::string event;  ///< James JSON
  std::vector<std::string> keys;

  bool operator==(const OutgoingEvent&) const = default;
};

/// What is dispatched together, and what it changes in the state.
struct Batch {
  std::uint64_t number = 0;
  std::vector<OutgoingEvent> events;
  std::vector<Change> changes;

  bool operator==(const Batch&) const = default;
};

/// What a state file tells.
struct LoadedState {
  UserState state;               ///< with the changes of all batches, the pending one too
  std::optional<Batch> pending;  ///< recorded and not acknowledged; its changes are left out
  std::uint64_t last_batch = 0;  ///< highest number given
  bool torn = false;             ///< the last line was cut by a crash and left out; write a snapshot next
};

/// Lines of one file, each chained to the one before by its checksum.
class StateLogWriter {
 public:
  explicit StateLogWriter(std::string user) : user_(std::move(user)) {}

  /// The lines of a new file. `pending` is kept without its changes, which `state` holds already.
  [[nodiscard]] std::string snapshot(const UserState& state, const Batch* pending, std::uint64_t last_batch);

  /// A line to append: a batch that will be dispatched, or the number of one that was acknowledged.
  [[nodiscard]] std::string batch(const Batch& batch);
  [[nodiscard]] std::string done(std::uint64_t number);

 private:
  friend Result<LoadedState> read_state_log(std::string_view bytes, StateLogWriter& writer);
  std::string line(const std::string& json);

  std::string user_;
  std::string chain_;  // checksum of the last line
};

/// Reads what a writer for the same user wrote, and sets `writer` to go on behind it. A last line without its
/// end is left out: it was being written when the process ended, so nothing of it was dispatched.
/// `undecodable` naming the line and what is wrong with it.
[[nodiscard]] Result<LoadedState> read_state_log(std::string_view bytes, StateLogWriter& writer);

}  // namespace evmesh::maildir
