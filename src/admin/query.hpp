#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/result.hpp>

namespace evmesh::admin {

/// Resolves %XX. `invalid_argument` for a broken escape, a zero byte and what is no UTF-8.
[[nodiscard]] Result<std::string> percent_decoded(std::string_view text);

/// The parameters of a request, checked: only names the route knows, each once unless it may be repeated.
/// Borrows the map.
class Query {
 public:
  using Values = std::multimap<std::string, std::string>;

  /// `invalid_argument` naming an unknown parameter (with the nearest) or one given twice.
  [[nodiscard]] static Result<Query> read(const Values& values, std::initializer_list<std::string_view> once,
                                          std::initializer_list<std::string_view> repeated = {});

  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;

  /// A whole number in the range, or `otherwise` when absent; else `invalid_argument` naming both.
  [[nodiscard]] Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise,
                                             std::uint64_t low, std::uint64_t high) const;

  /// The same for a number that need not be whole.
  [[nodiscard]] Result<double> real(std::string_view name, double otherwise, double low, double high) const;

  /// 1 or true, 0 or false, absent is false; else `invalid_argument`.
  [[nodiscard]] Result<bool> flag(std::string_view name) const;

 private:
  explicit Query(const Values& values) : values_(&values) {}

  const Values* values_;
};

}  // namespace evmesh::admin
