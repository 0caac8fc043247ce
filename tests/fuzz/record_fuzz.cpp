#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/records.hpp"

using namespace evmesh;
using namespace evmesh::storage;

// A record of the journal is refused, or it is the one form of what it says.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  NodeId self;
  self.bytes[0] = 1;
  const auto decoded = decode_record(bytes, self);
  if (!decoded) return 0;
  std::string again;
  std::visit([&](const auto& record) { encode_record(record, self, again); }, *decoded);
  if (again != bytes) std::abort();
  return 0;
}
