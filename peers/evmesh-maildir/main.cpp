// Wiring only: reads what was asked for, builds the parts bottom up, and runs.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <variant>

#include <unistd.h>

#include "common/options.hpp"
#include "common/stderr_log.hpp"
#include "evmesh-maildir/program.hpp"

namespace {

using namespace evmesh;
using peers::Outcome;

constexpr const char* program_name = "evmesh-maildir";

std::unique_ptr<maildir::Dispatcher> make_dispatcher(const maildir::Settings& settings,
                                                     peers::StopSignal& stop) {
  if (settings.print) return std::make_unique<maildir::PrintDispatcher>(STDOUT_FILENO);
  return std::make_unique<maildir::NodeDispatcher>(maildir::NodeDispatcher::Options{
      .server = *settings.server, .bus = settings.bus, .timeout = settings.timeout, .cancelled = [&stop] {
        return stop.raised();
      }});
}

Outcome<void> run(const maildir::Settings& settings) {
  peers::StopSignal stop;
  auto store = maildir::StateStore::open(settings.state_dir);
  if (!store) return tl::unexpected(store.error());
  if (!settings.reset_user.empty()) {
    if (auto reset = store->reset(settings.reset_user); !reset) return reset;
  }
  auto watcher = maildir::Watcher::open();
  if (!watcher) return tl::unexpected(watcher.error());
  const auto dispatcher = make_dispatcher(settings, stop);
  base::SystemClock clock;
  base::SystemRandom random;
  maildir::Program program({.settings = settings,
                            .store = *store,
                            .dispatcher = *dispatcher,
                            .watcher = *watcher,
                            .stop = stop,
                            .clock = clock,
                            .random = random,
                            .log = peers::stderr_log(settings.log_level, peers::log_form_here())});
  return program.run();
}

}  // namespace

int main(int argument_count, char** arguments) {
  const auto sources = peers::OptionSources::of_process(argument_count, arguments);
  const auto settings = maildir::read_settings(sources, std::filesystem::current_path());
  if (!settings) return peers::report(program_name, settings.error());
  if (const auto* text = std::get_if<maildir::Text>(&*settings)) {
    return std::fputs(text->text.c_str(), stdout) < 0 ? static_cast<int>(peers::ExitCode::io) : 0;
  }
  const auto ran = run(std::get<maildir::Settings>(*settings));
  return ran ? 0 : peers::report(program_name, ran.error());
}
