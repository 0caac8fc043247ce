// Wiring only: signals, and what the arguments ask for.
#include <csignal>

#include <unistd.h>

#include "evmesh/command.hpp"

namespace {

/// Nothing is ever half written: every line goes out in one piece, so the end may come at any time.
extern "C" void end_now(int signal) { ::_exit(128 + signal); }

}  // namespace

int main(int argument_count, char** arguments) {
  std::signal(SIGINT, &end_now);
  std::signal(SIGTERM, &end_now);
  const auto sources = evmesh::peers::OptionSources::of_process(argument_count, arguments);
  const auto done = evmesh::cli::run_command(sources);
  if (done) return 0;
  const auto& failure = done.error();
  return failure.message.empty() ? static_cast<int>(failure.code) : evmesh::peers::report("evmesh", failure);
}
