// Dead letters that are imported: what is accepted is exported in a form that reads back as the same letter.
#include <cstdint>
#include <string_view>

#include <evmesh/dead_letters.hpp>

#include "base/text.hpp"
#include "bus/letter_json.hpp"
#include "require.hpp"

using namespace evmesh;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto letter = bus::letter_of_json(fuzz::text_of(data, size));
  if (!letter) {
    fuzz::require(base::printable(letter.error().message), "an error that no log line can hold");
    return 0;
  }
  const auto entry = bus::to_entry(*letter);
  fuzz::require(entry.has_value(), "a letter that was taken cannot be shown");
  const std::string line = to_json(*entry);
  fuzz::require(line.find('\n') == std::string::npos, "a letter of two lines");
  const auto again = bus::letter_of_json(line);
  fuzz::require(again.has_value(), "what was exported cannot be imported");
  const auto entry_again = bus::to_entry(*again);
  fuzz::require(entry_again && to_json(*entry_again) == line, "what was exported reads back as another letter");
  return 0;
}
