#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include <evmesh/log.hpp>

#include "evmesh-maildir/dispatcher.hpp"
#include "evmesh-maildir/plan.hpp"
#include "evmesh-maildir/scanner.hpp"
#include "evmesh-maildir/state_store.hpp"

namespace evmesh::maildir {

/// What one look at a user's mail came to.
struct Pass {
  bool has_maildir = false;
  bool again_soon =
      false;  ///< the Maildir was changing while it was read, and something may have been missed
  std::vector<std::filesystem::path> directories;  ///< to be watched
};

/// What a program counts over all its users.
struct Totals {
  std::uint64_t events = 0;
  std::uint64_t batches = 0;
  std::uint64_t left_out = 0;       ///< names that cannot stand in an event, each counted once
  std::uint64_t keys_left_out = 0;  ///< keys that would have been too long
};

/// One user's mail: brings what was told up to what is there, and keeps account of it. A batch of events is
/// first recorded with the uids it gives, then dispatched, then acknowledged in the state; until then nothing
/// new is recorded. So a process that is killed anywhere repeats at most one batch, with the same uids and
/// event ids. Thread-bound.
class UserMail {
 public:
  struct Parts {
    std::string user;  ///< lower case
    std::filesystem::path maildir;
    std::filesystem::path base;  ///< the directory of all users
    UserLog log;
    LoadedState loaded;
    std::function<std::string()> new_id;     ///< never gives the same text twice
    std::function<std::uint64_t()> seconds;  ///< since 1970
    LogSink log_sink;
  };
  explicit UserMail(Parts parts);

  /// Dispatches what is owed, looks at the Maildir, and dispatches what has changed. After any trouble call
  /// it again.
  [[nodiscard]] tl::expected<Pass, Trouble> pass(Dispatcher& dispatcher, Totals& totals);

  [[nodiscard]] const std::string& user() const { return parts_.user; }

  /// Something was told of this user that may have to be taken back.
  [[nodiscard]] bool known() const { return !state_.folders.empty() || pending_.has_value(); }

 private:
  using Told = tl::expected<void, Trouble>;

  Told tell_pending(Dispatcher& dispatcher, Totals& totals);
  Told tell(const std::vector<Step>& steps, Dispatcher& dispatcher, Totals& totals);
  Told add_to_batch(const Step& step, Dispatcher& dispatcher, Totals& totals);
  Told forget_when_gone();
  void note(const ScanReport& report, Totals& totals);
  void say_once(LogLevel level, const char* what, const std::string& sentence);

  Parts parts_;
  Scanner scanner_;
  Patience patience_;
  UserState state_;               // with the changes of `pending_`
  std::optional<Batch> pending_;  // recorded or about to be
  bool recorded_ = false;         // `pending_` is in the state file
  std::uint64_t last_batch_ = 0;
  std::uint64_t batch_bytes_ = 0;  // of `pending_` while it is filled
  std::set<std::string> said_;
};

}  // namespace evmesh::maildir
