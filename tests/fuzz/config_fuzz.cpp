// Files that people write: whatever stands in one, the error names the file, and what is taken means the same when it is
// printed and read again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "evmeshd/option_values.hpp"
#include "evmeshd/settings.hpp"
#include "require.hpp"

namespace {

using namespace evmesh;

/// A file without a place on the disk.
class MemoryFile {
 public:
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }
  void write(std::string_view text) {
    fuzz::require(::ftruncate(file_, 0) == 0 && ::pwrite(file_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
                  "the file of the fuzzer itself cannot be written");
  }

 private:
  const int file_ = ::memfd_create("evmesh.conf", MFD_CLOEXEC);
};

void check(const peers::Failure& failure, const std::string& file) {
  fuzz::require(failure.code == peers::ExitCode::config || failure.code == peers::ExitCode::usage, "another exit code");
  fuzz::require(base::valid_utf8(failure.message) && failure.message.find('\0') == std::string::npos, "an error that no terminal shows");
  fuzz::require(failure.code != peers::ExitCode::config || failure.message.find(file) != std::string::npos, "an error that names no file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static MemoryFile file;
  const auto read = [] { return daemon::read_option_values({{"-c", file.path()}, {}}); };
  file.write(fuzz::text_of(data, size));
  auto values = read();
  if (!values) return check(values.error(), file.path()), 0;
  const auto settings = daemon::read_settings(*values);
  if (!settings) return check(settings.error(), file.path()), 0;

  const std::string printed = daemon::effective_config(*values);
  file.write(printed);
  auto again = read();
  fuzz::require(again.has_value(), "what was printed cannot be read");
  for (const auto& [name, value] : values->by_name) {
    const auto found = again->by_name.find(name);
    fuzz::require(found != again->by_name.end() && found->second.texts == value.texts, "what was printed means something else");
  }
  fuzz::require(again->listeners.size() == values->listeners.size(), "a listener was not printed");
  return 0;
}
