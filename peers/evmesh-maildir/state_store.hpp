#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/files.hpp"
#include "evmesh-maildir/state_log.hpp"

namespace evmesh::maildir {

/// The state file of one user. Every call that fails leaves what was written before in force, and the next
/// call tries again with a whole new file. Thread-bound to its user.
class UserLog {
 public:
  /// Reads `file`, which may be missing. `data` naming the file and the cure when it is damaged, `io` when it
  /// cannot be read. `loaded` gets what it tells.
  [[nodiscard]] static peers::Outcome<UserLog> open(std::filesystem::path file, std::string user,
                                                    LoadedState& loaded);

  /// `batch` is going to be dispatched; `state` holds its changes already. When this is ok it survives a
  /// power cut.
  [[nodiscard]] peers::Outcome<void> record(const UserState& state, const Batch& batch);

  /// Batch `number` was acknowledged. Not synced: when a power cut takes it, the batch is dispatched once
  /// more.
  [[nodiscard]] peers::Outcome<void> settle(std::uint64_t number);

  /// The user has no mail any more, and everybody was told.
  [[nodiscard]] peers::Outcome<void> remove();

 private:
  UserLog(std::filesystem::path file, std::string user) : file_(std::move(file)), writer_(std::move(user)) {}
  peers::Outcome<void> append(std::string_view line, bool sync);
  peers::Outcome<void> rewrite(const UserState& state, const Batch& pending);

  std::filesystem::path file_;
  StateLogWriter writer_;
  peers::Fd fd_;
  std::uint64_t snapshot_bytes_ = 0;
  std::uint64_t appended_bytes_ = 0;
  bool whole_ = false;  // false: missing, torn or in doubt, so that nothing may be appended
};

/// The directory of all state files, held by this process alone. Thread-bound to its user.
class StateStore {
 public:
  /// Makes the directory when it is missing. `cannot_create` when it cannot be made or another process holds
  /// it.
  [[nodiscard]] static peers::Outcome<StateStore> open(std::filesystem::path directory);

  /// Users with a state, sorted.
  [[nodiscard]] peers::Outcome<std::vector<std::string>> users() const;

  [[nodiscard]] peers::Outcome<UserLog> open_user(const std::string& user, LoadedState& loaded) const;

  /// Puts a user's state aside (`USER.state.reset`), so that everything of the user is told again under new
  /// mailbox ids. `data` when there is none.
  [[nodiscard]] peers::Outcome<void> reset(const std::string& user) const;

  [[nodiscard]] std::filesystem::path file_of(const std::string& user) const;

 private:
  StateStore(std::filesystem::path directory, peers::Fd lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::filesystem::path directory_;
  peers::Fd lock_;
};

}  // namespace evmesh::maildir
