// The binary form of mailbox events: whatever is accepted has one form, and a JSON form that reads back as
// the same value.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "event/mailbox_binary.hpp"
#include "event/mailbox_json.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();  // the fuzzer's way to report
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace evmesh::event;
  const auto event = decode_mailbox_binary(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!event) return 0;

  std::string binary;
  append_mailbox_binary(binary, *event);
  const auto again = decode_mailbox_binary(binary);
  require(again.has_value() && *again == *event && binary.size() == size);

  std::string json;
  append_mailbox_json(json, *event);
  const auto from_json = decode_mailbox_json(json);
  require(from_json.has_value() && *from_json == *event);
  return 0;
}
