#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <system_error>

#include <evmesh/log.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"

#include "common/repeated_fault.hpp"
#include "common/stop_signal.hpp"
#include "evmesh-maildir/dispatcher.hpp"
#include "evmesh-maildir/settings.hpp"
#include "evmesh-maildir/state_store.hpp"
#include "evmesh-maildir/user_mail.hpp"
#include "evmesh-maildir/watcher.hpp"

namespace evmesh::maildir {

/// Follows the mail of all users until it is told to stop, or once. Thread-bound to its user.
class Program {
 public:
  /// All parts must outlive the program.
  struct Parts {
    const Settings& settings;
    StateStore& store;
    Dispatcher& dispatcher;
    Watcher& watcher;
    peers::StopSignal& stop;
    base::Clock& clock;
    base::Random& random;
    LogSink log;
  };
  explicit Program(Parts parts);

  /// Ends ok after a polite signal, and after one scan when asked for.
  [[nodiscard]] peers::Outcome<void> run();

 private:
  peers::Outcome<void> open_known_users();
  peers::Outcome<void> open_user(const std::string& user, const std::string& directory);
  /// Finds users that are new, and makes them due.
  peers::Outcome<void> discover();
  peers::Outcome<void> run_due();
  peers::Outcome<void> run_user(UserMail& mail);
  peers::Outcome<void> hold(const std::string& user, const Trouble& trouble);
  void watch(const std::string& user, const Pass& pass);
  std::map<std::string, std::string> users_in(const std::filesystem::path& directory, std::error_code& error);
  std::chrono::milliseconds patience();
  void wait();
  void take_changes();
  peers::Outcome<void> finish_once();
  bool nothing_left() const;
  void everything_due();
  std::string new_mailbox_id();

  Parts parts_;
  std::map<std::string, UserMail> users_;
  std::map<std::string, std::string> directories_;  // entry of the base directory by user
  std::set<std::string> due_;                       // to be looked at now
  std::set<std::string> soon_;                      // to be looked at after a short while
  std::set<std::string> with_maildir_;
  bool base_due_ = true;
  bool discovered_ = false;  // the base directory was read once
  bool root_lost_ = false;   // and cannot be read now
  bool polling_ = false;     // the kernel has no watch left
  base::MonoTime rescanned_{};
  bool troubled_ = false;                 // the last try met a trouble that may pass
  std::chrono::milliseconds backoff_{0};  // until the next try
  unsigned rounds_ = 0;
  peers::RepeatedFault root_fault_;
  peers::RepeatedFault node_fault_;
  peers::RepeatedFault state_fault_;
  std::set<std::string> said_;
  Totals totals_;
};

}  // namespace evmesh::maildir
