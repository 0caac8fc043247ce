#pragma once

#include <chrono>
#include <string>

#include <evmesh/listener.hpp>

#include "evmeshd/listeners/child.hpp"

namespace evmesh::daemon {

/// What the end of a program means for the event it was given: exit 0 is done; 65 (EX_DATAERR) refuses it for
/// good, a dead letter at once; everything else, 75 (EX_TEMPFAIL) included, is a failed attempt. The reason
/// is how it ended and the last line of its standard error. What did not run because the node stops burns no
/// attempt: for the bus it is a type that is unknown here, for now. `program` and `timeout` are only named.
[[nodiscard]] Outcome outcome_of(const ChildEnd& end, const std::string& program,
                                 std::chrono::milliseconds timeout);

}  // namespace evmesh::daemon
