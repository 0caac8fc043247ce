#pragma once

#include <string>

namespace evmesh::support {

/// True when EVMESH_NO_SKIP=1: the machine is meant to have everything.
[[nodiscard]] bool skips_are_failures();

/// Prints the reason and counts the running case as skipped. Use the macro below.
void note_skip(const std::string& reason);

}  // namespace evmesh::support

/// Ends the running TEST_CASE as skipped, visibly; with EVMESH_NO_SKIP=1 as failed. At the top level of the
/// case only, because it returns from the function it stands in. A macro because Catch2 2.13 has no skip of
/// its own.
#define EVMESH_SKIP(reason)                                                              \
  do {                                                                                   \
    if (evmesh::support::skips_are_failures()) FAIL("may not be skipped: " << (reason)); \
    evmesh::support::note_skip(reason);                                                  \
    return;                                                                              \
  } while (false)
