#pragma once

#include <string_view>

namespace evmesh::cli {

/// From now on INT and TERM end the process at once, with 128 and the signal's number. To be called once, by
/// main.
void end_on_signals();

/// Writes all of `bytes` to standard output; 0 or the errno. A signal that ends the process meanwhile waits
/// until they are out, unless the reader stands still. From then on a signal writes `closing` before it ends
/// the process, so that the document on standard output is whole; null: nothing. `closing` lives for ever.
/// For one thread only.
[[nodiscard]] int write_document(std::string_view bytes, const char* closing);

}  // namespace evmesh::cli
