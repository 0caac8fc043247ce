// Wiring only: signals, and what the arguments ask for.
#include "evmesh/command.hpp"
#include "evmesh/interrupt.hpp"

int main(int argument_count, char** arguments) {
  evmesh::cli::end_on_signals();
  const auto sources = evmesh::peers::OptionSources::of_process(argument_count, arguments);
  const auto done = evmesh::cli::run_command(sources);
  if (done) return 0;
  const auto& failure = done.error();
  return failure.message.empty() ? static_cast<int>(failure.code) : evmesh::peers::report("evmesh", failure);
}
