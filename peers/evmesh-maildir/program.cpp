#include "evmesh-maildir/program.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "base/log_sink.hpp"
#include "base/text.hpp"

namespace evmesh::maildir {
namespace {

using namespace std::chrono_literals;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::chrono::milliseconds soon = 25ms;  // more than the time in which two changes look like one
constexpr std::chrono::milliseconds poll_period = 2s;
constexpr std::chrono::milliseconds backoff_first = 100ms;
constexpr std::chrono::milliseconds backoff_cap = 5s;
constexpr unsigned once_rounds_max = 4 * Patience::believed_after;
constexpr std::size_t user_bytes_max = 80;  // its state file's name may be three times as long, and has 255

const std::string base_owner;  // the base directory belongs to no user

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

Program::Program(Parts parts)
    : parts_(std::move(parts)),
      root_fault_(parts_.log, "root_unreadable"),
      node_fault_(parts_.log, "node_unavailable"),
      state_fault_(parts_.log, "state_not_written") {}

Outcome<void> Program::run() {
  if (auto opened = open_known_users(); !opened) return opened;
  rescanned_ = parts_.clock.now();
  base::log(parts_.log, LogLevel::info, "started",
            {{"root", parts_.settings.root.to_string()},
             {"state_dir", parts_.settings.state_dir.native()},
             {"to", parts_.settings.print ? "standard output" : parts_.settings.server->to_string()}});
  while (!parts_.stop.raised()) {
    if (base_due_) {
      if (auto found = discover(); !found) return found;
    }
    if (auto ran = run_due(); !ran) return ran;
    if (parts_.settings.once && nothing_left()) return finish_once();
    if (!parts_.stop.raised()) wait();
  }
  base::log(parts_.log, LogLevel::info, "stopped",
            {{"events", std::to_string(totals_.events)}, {"batches", std::to_string(totals_.batches)}});
  return {};
}

Outcome<void> Program::open_known_users() {
  auto users = parts_.store.users();
  if (!users) return tl::unexpected(users.error());
  for (const std::string& user : *users) {
    if (auto opened = open_user(user, user); !opened) return opened;
  }
  return {};
}

Outcome<void> Program::open_user(const std::string& user, const std::string& directory) {
  LoadedState loaded;
  auto log = parts_.store.open_user(user, loaded);
  if (!log) return tl::unexpected(log.error());
  const auto seconds = [this] {
    const auto since = parts_.clock.wall().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since).count());
  };
  users_.insert_or_assign(user,
                          UserMail(UserMail::Parts{.user = user,
                                                   .maildir = parts_.settings.root.maildir_of(directory),
                                                   .base = parts_.settings.root.base(),
                                                   .log = std::move(*log),
                                                   .loaded = std::move(loaded),
                                                   .new_id = [this] { return new_mailbox_id(); },
                                                   .seconds = seconds,
                                                   .log_sink = parts_.log}));
  directories_[user] = directory;
  due_.insert(user);
  return {};
}

/// 48 random bits: short enough to type, and never met twice by the mailboxes of one mesh.
std::string Program::new_mailbox_id() { return fmt::format("{:012x}", parts_.random.next_u64() >> 16); }

Outcome<void> Program::discover() {
  base_due_ = false;
  const std::filesystem::path& directory = parts_.settings.root.base();
  (void)parts_.watcher.watch(base_owner, {directory});
  std::error_code error;
  const std::map<std::string, std::string> found = users_in(directory, error);
  if (error && !discovered_) {
    return end_with(ExitCode::data, "cannot read \"" + base::escaped(directory.native(), 4096) +
                                        "\" of --root " + base::quoted(parts_.settings.root.to_string()) +
                                        ": " + error.message() + "; is the path right?");
  }
  discovered_ = true;
  root_lost_ = static_cast<bool>(error);
  if (!error) {
    root_fault_.passed(parts_.clock.now());
  } else {
    root_fault_.failed(parts_.clock.now(), directory.native() + ": " + error.message());
  }
  for (const auto& [user, entry] : found) {
    const auto known = directories_.find(user);
    if (known != directories_.end() && known->second == entry) continue;
    if (auto opened = open_user(user, entry); !opened) return opened;
  }
  return {};
}

/// The entry of each user in the base directory; what cannot be a user is counted and logged once.
std::map<std::string, std::string> Program::users_in(const std::filesystem::path& directory,
                                                     std::error_code& error) {
  std::map<std::string, std::string> found;
  const auto skip = [&](const std::string& entry, const char* why) {
    if (!said_.insert(entry).second) return;
    ++totals_.left_out;
    base::log(parts_.log, LogLevel::warning, "user_left_out", {{"directory", entry}, {"why", why}});
  };
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry(directory, error); !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().native();
    const auto user = parts_.settings.root.user_of(name);
    if (!user || !entry->is_directory(ignored)) continue;
    if (!base::printable(*user) || user->size() > user_bytes_max) {
      skip(name, "the user's name is no printable UTF-8 of at most 80 bytes");
    } else if (!found.emplace(lower(*user), *user).second) {
      skip(name, "another directory gives the same user, because case does not count");
    }
  }
  return found;
}

Outcome<void> Program::run_due() {
  const std::set<std::string> due = std::exchange(due_, {});
  troubled_ = false;
  ++rounds_;
  for (auto user = due.begin(); user != due.end(); ++user) {
    // What is left stays due: after a trouble the others would meet it too.
    if (parts_.stop.raised() || troubled_) {
      due_.insert(user, due.end());
      return {};
    }
    if (auto ran = run_user(users_.at(*user)); !ran) return ran;
  }
  return {};
}

Outcome<void> Program::run_user(UserMail& mail) {
  const std::uint64_t batches_before = totals_.batches;
  const auto pass = mail.pass(parts_.dispatcher, totals_);
  if (totals_.batches != batches_before) {
    node_fault_.passed(parts_.clock.now());
    state_fault_.passed(parts_.clock.now());
  }
  if (!pass) return hold(mail.user(), pass.error());
  if (pass->has_maildir) {
    with_maildir_.insert(mail.user());
  } else {
    with_maildir_.erase(mail.user());
  }
  watch(mail.user(), *pass);
  // A Maildir that never rests must not keep --once from ending.
  if (pass->again_soon && (!parts_.settings.once || rounds_ < once_rounds_max)) soon_.insert(mail.user());
  return {};
}

/// Something kept a batch from being told. It is kept and tried again, unless that is hopeless or has been
/// asked not to.
Outcome<void> Program::hold(const std::string& user, const Trouble& trouble) {
  if (trouble.where == Trouble::Where::refused) return tl::unexpected(trouble.failure);
  if (parts_.stop.raised()) {
    due_.insert(user);
    return {};
  }
  const bool state = trouble.where == Trouble::Where::state;
  peers::RepeatedFault& fault = state ? state_fault_ : node_fault_;
  const base::MonoTime now = parts_.clock.now();
  fault.failed(now, trouble.failure.message);
  troubled_ = true;
  const bool given_up = parts_.settings.give_up.count() != 0 && fault.since(now) >= parts_.settings.give_up;
  if (given_up || (state && parts_.settings.once)) return tl::unexpected(trouble.failure);
  due_.insert(user);
  return {};
}

void Program::watch(const std::string& user, const Pass& pass) {
  if (parts_.settings.once) return;
  std::vector<std::filesystem::path> directories = pass.directories;
  // The way from the user's directory to the Maildir, to see it come.
  const std::filesystem::path top = parts_.settings.root.user_directory(directories_.at(user));
  const std::filesystem::path maildir = parts_.settings.root.maildir_of(directories_.at(user));
  for (std::filesystem::path step = maildir; step != top;) {
    step = step.parent_path();
    directories.push_back(step);
  }
  if (maildir == top && !pass.has_maildir) directories.push_back(top);
  const Watcher::Watched watched = parts_.watcher.watch(user, directories);
  if (watched.more) due_.insert(user);
  if (watched.all || polling_) return;
  polling_ = true;
  base::log(parts_.log, LogLevel::error, "polling", {{"why", watched.complaint}});
}

bool Program::nothing_left() const { return due_.empty() && soon_.empty() && !base_due_; }

void Program::everything_due() {
  base_due_ = true;
  for (const auto& [user, mail] : users_) due_.insert(user);
  rescanned_ = parts_.clock.now();
}

/// How long nothing needs to be done; negative for ever.
std::chrono::milliseconds Program::patience() {
  backoff_ = troubled_ ? std::clamp(backoff_ * 2, backoff_first, backoff_cap) : 0ms;
  if (troubled_) return backoff_;  // nothing else helps before
  if (!due_.empty() || base_due_) return 0ms;
  std::chrono::milliseconds timeout = -1ms;
  const auto at_most = [&](std::chrono::milliseconds limit) {
    timeout = timeout < 0ms ? limit : std::min(timeout, limit);
  };
  if (!soon_.empty()) at_most(soon);
  if (polling_ || root_lost_) at_most(poll_period);
  if (parts_.settings.rescan.count() != 0) {
    const auto next = rescanned_ + parts_.settings.rescan - parts_.clock.now();
    at_most(std::max(std::chrono::ceil<std::chrono::milliseconds>(next), 0ms));
  }
  return std::min<std::chrono::milliseconds>(timeout, 24h);  // what poll can count
}

/// Until something has changed, a time has come, or the program is to stop.
void Program::wait() {
  // While in trouble changes only pile up, and are taken afterwards.
  pollfd waited[2] = {{parts_.stop.fd(), POLLIN, 0}, {parts_.watcher.fd(), POLLIN, 0}};
  const nfds_t count = troubled_ ? 1 : 2;
  (void)poll(waited, count, static_cast<int>(patience().count()));

  take_changes();
  const bool rescan =
      parts_.settings.rescan.count() != 0 && parts_.clock.now() - rescanned_ >= parts_.settings.rescan;
  if (rescan || polling_ || root_lost_) everything_due();
  due_.merge(soon_);
  soon_.clear();
}

void Program::take_changes() {
  const Watcher::Changes changes = parts_.watcher.take();
  for (const std::string& owner : changes.owners) {
    if (owner != base_owner) due_.insert(owner);
  }
  if (changes.owners.contains(base_owner)) {
    base_due_ = true;
    for (const auto& [user, directory] : directories_) {
      if (!with_maildir_.contains(user)) due_.insert(user);
    }
  }
  if (!changes.overflow) return;
  base::log(parts_.log, LogLevel::warning, "inotify_overflow", {{"cure", "scanning everything"}});
  everything_due();
}

Outcome<void> Program::finish_once() {
  if (with_maildir_.empty() && totals_.events == 0) {
    return end_with(ExitCode::data, "no Maildir matches --root " +
                                        base::quoted(parts_.settings.root.to_string()) +
                                        "; a Maildir is a directory with new/ and cur/");
  }
  base::log(parts_.log, LogLevel::info, "scanned",
            {{"users", std::to_string(with_maildir_.size())},
             {"events", std::to_string(totals_.events)},
             {"names_left_out", std::to_string(totals_.left_out)},
             {"keys_left_out", std::to_string(totals_.keys_left_out)}});
  return {};
}

}  // namespace evmesh::maildir
