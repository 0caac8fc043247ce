#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <evmesh/bus.hpp>

#include "evmesh-maildir/plan.hpp"

namespace evmesh::maildir {

/// A step made into events, and what it changes in the state. Value.
struct Made {
  std::vector<KeyedEvent> events;  ///< dispatched together; may be empty
  std::vector<Change> changes;
  unsigned keys_left_out = 0;  ///< too long for a key; the events go without them
};

/// Whose mail it is, and when new folders were first seen.
struct MakeContext {
  std::string user;                ///< lower case
  std::uint64_t uid_validity = 0;  ///< seconds since 1970
};

/// Gives uids and mod-seqs, and makes the events of `step`: keys `MailboxId:ID`, `MailboxPath:USER/FOLDER`
/// (old and new one of a rename, both of a move) and `User:USER`. `state` is not changed: apply `changes`
/// before the next step.
[[nodiscard]] Made make(const Step& step, const UserState& state, const MakeContext& context);

}  // namespace evmesh::maildir
