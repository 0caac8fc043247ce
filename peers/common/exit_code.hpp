#pragma once

#include <string>

#include <tl/expected.hpp>

namespace evmesh::peers {

/// What a program says to the shell when it ends. One list for all programs; the values are those of
/// sysexits.h.
enum class ExitCode : int {
  ok = 0,
  negative = 1,        ///< the thing asked about is so: a check warned, a wait ended with failures
  usage = 64,          ///< wrong flag or argument
  data = 65,           ///< bad or conflicting data: unknown name, damaged file, a refused event
  unavailable = 69,    ///< the node cannot be reached
  bug = 70,            ///< an error in evmesh itself
  cannot_create = 73,  ///< a file or directory cannot be made, or is locked
  io = 74,             ///< reading or writing failed: disk full, input/output error
  try_again = 75,      ///< timed out or full; the same command may work later
  refused = 77,        ///< token, key or permission
  config = 78,         ///< bad configuration file
  interrupted = 130,   ///< SIGINT
  terminated = 143,    ///< SIGTERM
};

/// Why a program ends: one sentence naming the value and the cure, and the code. Value.
struct Failure {
  ExitCode code = ExitCode::bug;
  std::string message;

  bool operator==(const Failure&) const = default;
};

/// A value, or the reason for ending.
template <class T>
using Outcome = tl::expected<T, Failure>;

/// `return end_with(ExitCode::usage, "...")`, without spelling the unexpected type.
[[nodiscard]] inline tl::unexpected<Failure> end_with(ExitCode code, std::string message) {
  return tl::unexpected<Failure>(Failure{code, std::move(message)});
}

/// Writes `PROGRAM: MESSAGE` to standard error and gives the number to return from main().
int report(const char* program, const Failure& failure);

}  // namespace evmesh::peers
