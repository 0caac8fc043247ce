#include "admin/query.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/text.hpp"

namespace evmesh::admin {
namespace {

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::invalid_argument, std::move(message));
}

}  // namespace

Result<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      decoded += text[at];
      continue;
    }
    unsigned value = 0;
    const char* digits = text.data() + at + 1;
    const bool whole = at + 2 < text.size();
    const auto read = whole ? std::from_chars(digits, digits + 2, value, 16) : std::from_chars_result{};
    if (!whole || read.ec != std::errc{} || read.ptr != digits + 2) {
      return invalid(base::quoted(text) + " has a % that two hex digits do not follow");
    }
    if (value == 0) return invalid(base::quoted(text) + " holds a zero byte (%00)");
    decoded += static_cast<char>(value);
    at += 2;
  }
  if (!base::valid_utf8(decoded)) return invalid(base::quoted(decoded) + " is not UTF-8");
  return decoded;
}

Result<Query> Query::read(const Values& values, std::initializer_list<std::string_view> once,
                          std::initializer_list<std::string_view> repeated) {
  std::vector<std::string_view> known(once);
  known.insert(known.end(), repeated);
  for (const auto& [name, value] : values) {
    if (std::ranges::find(known, name) == known.end()) {
      const auto near = base::nearest(name, known);
      return invalid("unknown query parameter " + base::quoted(name) +
                     (near ? "; did you mean " + std::string(*near) + "?" : ""));
    }
    if (values.count(name) > 1 && std::ranges::find(repeated, name) == repeated.end()) {
      return invalid("query parameter " + base::quoted(name) + " stands more than once");
    }
  }
  return Query(values);
}

std::optional<std::string> Query::text(std::string_view name) const {
  const auto found = values_->find(std::string(name));
  if (found == values_->end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Query::all(std::string_view name) const {
  std::vector<std::string> found;
  const auto [first, last] = values_->equal_range(std::string(name));
  for (auto entry = first; entry != last; ++entry) found.push_back(entry->second);
  return found;
}

Result<std::uint64_t> Query::number(std::string_view name, std::uint64_t otherwise, std::uint64_t low,
                                    std::uint64_t high) const {
  const auto written = text(name);
  if (!written) return otherwise;
  std::uint64_t value = 0;
  const char* end = written->data() + written->size();
  const auto read = std::from_chars(written->data(), end, value);
  if (read.ec == std::errc{} && read.ptr == end && value >= low && value <= high) return value;
  return invalid(std::string(name) + "=" + base::quoted(*written) + " must be a whole number from " +
                 std::to_string(low) + " to " + std::to_string(high));
}

Result<double> Query::real(std::string_view name, double otherwise, double low, double high) const {
  const auto written = text(name);
  if (!written) return otherwise;
  double value = 0;
  const char* end = written->data() + written->size();
  const auto read = std::from_chars(written->data(), end, value);
  if (read.ec == std::errc{} && read.ptr == end && value >= low && value <= high) return value;
  std::ostringstream range;
  range << low << " to " << high;
  return invalid(std::string(name) + "=" + base::quoted(*written) + " must be a number from " + range.str());
}

Result<bool> Query::flag(std::string_view name) const {
  const auto written = text(name);
  if (!written || *written == "0" || *written == "false") return false;
  if (*written == "1" || *written == "true") return true;
  return invalid(std::string(name) + "=" + base::quoted(*written) + " must be 1 or 0");
}

}  // namespace evmesh::admin
