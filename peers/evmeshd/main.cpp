// Wiring only: reads what was asked for and runs.
#include <cstdio>
#include <string>

#include "common/files.hpp"
#include "common/options.hpp"
#include "common/stop_signal.hpp"
#include "evmeshd/daemon.hpp"
#include "evmeshd/help.hpp"
#include "evmeshd/option_values.hpp"
#include "evmeshd/settings.hpp"

namespace {

using namespace evmesh;

constexpr const char* program_name = "evmeshd";

int print(const std::string& text) {
  const bool written = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return static_cast<int>(written ? peers::ExitCode::ok : peers::ExitCode::io);
}

}  // namespace

int main(int argument_count, char** arguments) {
  peers::open_standard_streams();
  peers::StopSignal stop;
  auto values = daemon::read_option_values(peers::OptionSources::of_process(argument_count, arguments));
  if (!values) return peers::report(program_name, values.error());
  if (values->help) return print(daemon::help_text());
  if (values->version) return print("evmeshd " EVMESH_VERSION "\n");
  const auto settings = daemon::read_settings(*values);
  if (!settings) return peers::report(program_name, settings.error());
  if (values->print_config) return print(daemon::effective_config(*values));
  for (const std::string& warning : settings->warnings) {
    std::fprintf(stderr, "%s: warning: %s\n", program_name, warning.c_str());
  }
  if (values->check_config) return print("the configuration is good\n");
  const auto ran = daemon::run_daemon(*settings, values->ready_file, stop);
  return ran ? 0 : peers::report(program_name, ran.error());
}
