#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/mailbox/required.hpp>

/// The parts that mailbox events are made of. All are values; equality compares every member.
namespace evmesh::mailbox {

/// UTC with nanoseconds, from 1677-09-21 to 2262-04-11. James writes up to nine digits, and none may be lost.
using Instant = std::chrono::sys_time<std::chrono::nanoseconds>;

/// Number of a message within its mailbox, 1 or more in James.
using Uid = std::uint64_t;

/// Members that came with a decoded event and that this build does not know, kept so that they can be passed
/// on: JSON members without the braces around them, `"a":1,"b":[true]`; empty when there are none.
struct Extras {
  std::string json;

  bool operator==(const Extras&) const = default;
};

/// Where a mailbox lives. `user` is kept in lower case (ASCII), as James does with all user names.
struct MailboxPath {
  Required<std::string> name;               ///< with the hierarchy delimiter, for example INBOX.Projects
  std::optional<std::string> name_space{};  ///< `#private` for a user's own mailboxes
  std::optional<std::string> user{};
  Extras extras{};

  /// A mailbox in `#private` of `user`.
  [[nodiscard]] static MailboxPath personal(std::string_view user, std::string_view name);

  bool operator==(const MailboxPath&) const = default;
};

/// The flags of RFC 3501.
enum class SystemFlag : std::uint8_t { answered, deleted, draft, flagged, recent, seen };

/// As James and JSON write it, for example "Answered".
[[nodiscard]] std::string_view to_string(SystemFlag flag);

/// A set of system flags in one byte.
class SystemFlags {
 public:
  SystemFlags() = default;
  SystemFlags(std::initializer_list<SystemFlag> flags) {
    for (const SystemFlag flag : flags) insert(flag);
  }

  void insert(SystemFlag flag) { bits_ = static_cast<std::uint8_t>(bits_ | mask(flag)); }
  [[nodiscard]] bool contains(SystemFlag flag) const { return (bits_ & mask(flag)) != 0; }

  /// Bit n stands for the flag with value n.
  [[nodiscard]] std::uint8_t bits() const { return bits_; }

  bool operator==(const SystemFlags&) const = default;

 private:
  static std::uint8_t mask(SystemFlag flag) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(flag));
  }

  std::uint8_t bits_ = 0;
};

/// The flags of a message: sets, so order and repetition mean nothing.
struct Flags {
  SystemFlags system{};
  std::set<std::string> user{};  ///< free names, for example $Label1
  Extras extras{};

  bool operator==(const Flags&) const = default;
};

/// A message as a mailbox knows it.
struct MessageMetaData {
  Required<Uid> uid;
  Required<std::uint64_t> mod_seq;
  Required<Flags> flags;
  Required<std::uint64_t> size;  ///< bytes
  Required<Instant> internal_date;
  Required<std::string> message_id;
  std::optional<Instant> save_date{};      ///< when it came into this mailbox; old events lack it
  std::optional<std::string> thread_id{};  ///< old events lack it; see `thread`
  Extras extras{};

  /// The thread the message belongs to: its own one when none is named.
  [[nodiscard]] const std::string& thread() const { return thread_id ? *thread_id : message_id.get(); }

  bool operator==(const MessageMetaData&) const = default;
};

/// Messages by uid. The key is what counts where it differs from the value's own uid.
using Messages = std::map<Uid, MessageMetaData>;

/// Each message under its own uid; of two with one uid the last stays.
[[nodiscard]] Messages by_uid(std::vector<MessageMetaData> messages);

/// The flags of one message before and after.
struct UpdatedFlags {
  Required<Uid> uid;
  Required<std::uint64_t> mod_seq;
  Required<Flags> old_flags;
  Required<Flags> new_flags;
  std::optional<std::string> message_id{};  ///< old events lack it
  std::optional<Instant> internal_date{};   ///< old events lack it
  Extras extras{};

  bool operator==(const UpdatedFlags&) const = default;
};

/// Who may do what: `alice`, `$any` or the negative `-alice`, with RFC 4314 rights, for example "lr".
using AclEntries = std::map<std::string, std::string>;

/// The access control list of a mailbox.
struct MailboxAcl {
  AclEntries entries{};
  Extras extras{};

  bool operator==(const MailboxAcl&) const = default;
};

/// An access control list before and after.
struct AclDiff {
  Required<AclEntries> old_acl;
  Required<AclEntries> new_acl;
  Extras extras{};

  bool operator==(const AclDiff&) const = default;
};

/// Whom a quota limit was set for.
enum class QuotaScope : std::uint8_t { domain, global, user };

/// As James and JSON write it, for example "Domain".
[[nodiscard]] std::string_view to_string(QuotaScope scope);

/// What is used of a quota, in messages or bytes. Negative numbers pass: counters of old stores drift.
struct QuotaUsage {
  Required<std::int64_t> used;
  std::optional<std::int64_t> limit{};                         ///< empty: unlimited
  std::map<QuotaScope, std::optional<std::int64_t>> limits{};  ///< by scope; empty value: unlimited there
  Extras extras{};

  bool operator==(const QuotaUsage&) const = default;
};

}  // namespace evmesh::mailbox
