#include "evmeshd/size.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "base/text.hpp"

namespace evmesh::peers {
namespace {

// Largest unit first, so that formatting takes the first one that divides.
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> units{
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto refused = [&](const std::string& why) {
    return fail(ErrorCode::invalid_argument,
                base::quoted(text) + why + "; write a whole number and a unit: 512B, 64KiB, 8MiB or 1GiB");
  };
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{}) return refused(" is no size");

  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.empty()) return count == 0 ? Result<std::uint64_t>(0) : refused(" has no unit");
  for (const auto& [name, factor] : units) {
    if (name != unit) continue;
    if (count > UINT64_MAX / factor) return refused(" is too large");
    return count * factor;
  }
  return refused(" is no size");
}

std::string format_size(std::uint64_t bytes) {
  for (const auto& [name, factor] : units) {
    if (bytes != 0 && bytes % factor == 0) return std::to_string(bytes / factor).append(name);
  }
  return "0B";
}

}  // namespace evmesh::peers
