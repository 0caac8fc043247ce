#include "common/duration.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/text.hpp"

namespace evmesh::peers {
namespace {

// Longest unit first, so that formatting takes the first one that divides.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> units{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t longest_ms = 10LL * 365 * 24 * 3'600'000;

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto refused = [&] {
    return fail(ErrorCode::invalid_argument,
                base::quoted(text) + " is no duration; write a whole number and a unit: 100ms, 5s, 2m or 1h");
  };
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0) return refused();

  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.empty() && count == 0) return std::chrono::milliseconds{0};
  for (const auto& [name, factor] : units) {
    if (name != unit) continue;
    if (count > longest_ms / factor) return refused();
    return std::chrono::milliseconds{count * factor};
  }
  return refused();
}

std::string format_duration(std::chrono::milliseconds duration) {
  const std::int64_t count = duration.count();
  if (count == 0) return "0s";
  for (const auto& [name, factor] : units) {
    if (count % factor == 0) return std::to_string(count / factor).append(name);
  }
  return std::to_string(count) + "ms";
}

}  // namespace evmesh::peers
