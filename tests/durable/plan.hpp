#pragma once

#include <cstdint>
#include <string>

namespace evmesh::durable {

/// What a worker does in one life, as `name=value` words. Value.
struct Plan {
  std::string directory;
  std::string ledger;
  std::string seed;    ///< of a mesh: what to dial first; several with commas between
  std::string listen;  ///< of a mesh: where; a free port of this machine without one
  std::string level = "disk";
  std::string runs;  ///< which of its groups the node has listeners for, with commas between; all without one
  std::uint64_t life = 1;
  std::uint64_t from = 1;   ///< number of the first event to dispatch
  std::uint64_t count = 0;  ///< of events to dispatch
  std::uint64_t threads = 2;
  std::uint64_t groups = 2;        ///< named g0, g1, ...
  std::uint64_t concurrency = 10;  ///< of each group
  std::uint64_t payload_bytes = 64;
  std::uint64_t rate = 0;          ///< events a second that all threads dispatch; 0: as fast as they can
  std::uint64_t work_us = 0;       ///< how long a listener takes for an event
  std::uint64_t async_every = 0;   ///< each so many-th event is dispatched asynchronously; 0: none
  std::uint64_t long_every = 0;    ///< each so many-th event takes a hundred times as long; 0: none
  std::uint64_t fail_every = 0;    ///< of each so many-th event the first attempt fails; 0: of none
  std::uint64_t refuse_every = 0;  ///< each so many-th event is refused by g1; 0: none
  std::uint64_t abort_at = 0;      ///< g0 ends the process at this event; 0: at none
  std::uint64_t hold = 0;          ///< g0 keeps this event until the order "release"; 0: none
  std::uint64_t reserve_bytes = 8 << 20;
  std::uint64_t persist = 0;       ///< what is refused is tried again until it is accepted
  std::uint64_t quit = 0;          ///< stops by itself when all it dispatched has run
  std::uint64_t reopen = 0;        ///< when the node has failed, another one is opened
                                   ///< in the same process
  std::uint64_t quiet = 0;         ///< no lines for runs and receipts, but their sums at the end
  std::uint64_t mesh = 0;          ///< a member of a mesh, on a free port of this machine
  std::uint64_t all_groups = 0;    ///< dispatches only when all groups are known to be required
  std::uint64_t stamps = 0;        ///< the last word of each line is when: microseconds of the steady clock
  std::uint64_t asynchronous = 0;  ///< no listener runs before `dispatch` returns
};

/// Ends the process with a message for an unknown name or a value that is no
/// number.
[[nodiscard]] Plan read_plan(int argument_count, char** arguments);

}  // namespace evmesh::durable
