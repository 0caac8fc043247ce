#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "wire/frames.hpp"

using namespace evmesh::wire;

// A frame is refused, or it is the one form of what it says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto decoded = decode(bytes);
  // Later versions have parts that this one does not keep.
  if (!decoded || decoded->header.version > version_max) return 0;
  if (encode(decoded->header, decoded->body) != bytes) std::abort();
  return 0;
}
