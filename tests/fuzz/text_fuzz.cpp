// Everything that reads text from outside in the base room: whatever comes in, what goes out can be printed, and what
// is accepted reads back as itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>

#include "base/text.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();  // the fuzzer's way to report
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace evmesh;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  require(base::printable(base::escaped(text)));
  require(!base::printable(text) || base::valid_utf8(text));

  const auto key = RegistrationKey::parse(text);
  require(key ? key == RegistrationKey::make(key->type(), key->value()) : base::printable(key.error().message));

  const auto id = Uuid::parse(text);
  require(id ? Uuid::parse(id->to_string()) == id : base::printable(id.error().message));

  const auto group = Group::parse(text);
  require(group ? group->to_string() == text : base::printable(group.error().message));
  return 0;
}
