// Arguments, one a line; lines that begin with EVMESH_ and hold a `=` are environment variables. Whatever comes, the
// error is one that a terminal can show, and what is taken can be printed.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "common/duration.hpp"
#include "evmeshd/option_values.hpp"
#include "evmeshd/settings.hpp"
#include "require.hpp"

namespace {

using namespace evmesh;

peers::OptionSources sources_of(std::string_view text) {
  peers::OptionSources sources;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto equals = line.find('=');
    if (line.starts_with("EVMESH_") && equals != std::string::npos) {
      sources.environment[line.substr(0, equals)] = line.substr(equals + 1);
    } else if (line.find('/') == std::string::npos && line.find('\0') == std::string::npos) {  // no files of this machine
      sources.arguments.push_back(line);
    }
  }
  return sources;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto shown = [](const peers::Failure& failure) {
    fuzz::require(!failure.message.empty() && base::valid_utf8(failure.message), "an error that no terminal shows");
  };
  auto values = daemon::read_option_values(sources_of(fuzz::text_of(data, size)));
  if (!values) return shown(values.error()), 0;
  const auto settings = daemon::read_settings(*values);
  if (!settings) return shown(settings.error()), 0;
  fuzz::require(!daemon::effective_config(*values).empty(), "nothing to print");
  return 0;
}
