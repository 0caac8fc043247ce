#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/event_codec.hpp"

using namespace evmesh;
using namespace evmesh::wire;

// An event is refused, or it is the one form of what it says, and both ways to its keys find the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto keys = decode_keys(bytes);
  const auto decoded = decode_event(bytes);
  if (!decoded) return 0;
  if (!keys || !std::ranges::equal(decoded->keys, *keys, {}, &RegistrationKey::to_string)) std::abort();
  std::string again;
  encode_event(decoded->event, decoded->keys, PayloadFormat::raw, again);
  if (again != bytes) std::abort();
  return 0;
}
