#include "evmeshd/listeners/exec_outcome.hpp"

#include <cstring>

#include "base/text.hpp"

#include "common/duration.hpp"
#include "common/exit_code.hpp"
#include "common/files.hpp"

namespace evmesh::daemon {
namespace {

std::string signal_name(int number) {
  const char* description = ::sigdescr_np(number);
  return "signal " + std::to_string(number) +
         (description == nullptr ? "" : " (" + std::string(description) + ')');
}

std::string way_of(const ChildEnd& end, const std::string& program, std::chrono::milliseconds timeout) {
  switch (end.kind) {
    case ChildEnd::Kind::exited: return "exit " + std::to_string(end.number);
    case ChildEnd::Kind::killed: return "killed by " + signal_name(end.number);
    case ChildEnd::Kind::timed_out: return "timed out after " + peers::format_duration(timeout);
    case ChildEnd::Kind::stopped: return "ended by " + signal_name(end.number) + " because the node stops";
    case ChildEnd::Kind::not_started:
      return "cannot run " + base::quoted(program) + ": " + peers::errno_text(end.number);
  }
  return "unknown";
}

}  // namespace

Outcome outcome_of(const ChildEnd& end, const std::string& program, std::chrono::milliseconds timeout) {
  const bool exited = end.kind == ChildEnd::Kind::exited;
  if (exited && end.number == 0) return Outcome::done();
  if (end.kind == ChildEnd::Kind::stopped && end.number == 0) return Outcome::unknown_type();
  std::string reason = way_of(end, program, timeout);
  if (!end.last_line.empty()) reason += ": " + end.last_line;
  if (exited && end.number == static_cast<int>(peers::ExitCode::data)) return Outcome::refuse(reason);
  return Outcome::retry_after(std::chrono::milliseconds{0}, reason);
}

}  // namespace evmesh::daemon
