// The JSON of the James event bus: whatever is accepted is written again, reads back as itself and survives
// the binary form.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <evmesh/codec.hpp>
#include <evmesh/mailbox.hpp>

#include "event/mailbox_binary.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();  // the fuzzer's way to report
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace evmesh;
  const auto events = mailbox::decode_json(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!events) return 0;

  for (const Event& event : *events) {
    const auto* value = mailbox::peek(event);
    if (value == nullptr) {
      require(payload_as(event, PayloadFormat::json)->bytes == event.payload());
      continue;
    }
    const auto json = payload_as(event, PayloadFormat::json);
    const auto again = mailbox::decode_json(json->bytes);
    require(again.has_value() && *mailbox::peek(again->at(0)) == *value);
    const auto binary = event::decode_mailbox_binary(payload_as(event, PayloadFormat::binary)->bytes);
    require(binary.has_value() && *binary == *value);
  }
  return 0;
}
