// What tools post: whatever is accepted can be shown, on one line, and what is shown reads back as the same
// event.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "event/json_view.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();  // the fuzzer's way to report
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace evmesh::event;
  const auto posted = from_json_view(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!posted) return 0;

  for (const PostedEvent& one : *posted) {
    const std::string view = to_json_view(one.event);
    require(view.find('\n') == std::string::npos);
    const auto again = from_json_view(view);
    require(again.has_value() && again->size() == 1 && to_json_view(again->at(0).event) == view);
  }
  return 0;
}
