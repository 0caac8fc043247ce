#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/result.hpp>

#include "common/exit_code.hpp"
#include "evmeshd/option_values.hpp"

namespace evmesh::daemon {

/// Reads values one by one as what they mean and keeps the first complaint, which says where the value
/// stands: `FILE:LINE: node.name: ...`, `--node.name: ...` or `EVMESH_NODE_NAME: node.name: ...`.
class ValueReader {
 public:
  /// `values` outlives the reader.
  explicit ValueReader(const OptionMap& values) : values_(values) {}

  /// All texts of a setting; complains of empty ones and of those that are no text.
  std::vector<std::string> texts(std::string_view name);
  std::string text(std::string_view name);
  std::chrono::milliseconds duration(std::string_view name);
  std::uint64_t size(std::string_view name);
  std::uint32_t count(std::string_view name, std::uint32_t low, std::uint32_t high);
  double fraction(std::string_view name);  ///< 0 to 1
  bool is_set(std::string_view name);

  template <class T>
  T one_of(std::string_view name, std::initializer_list<std::pair<std::string_view, T>> choices) {
    const std::string written = text(name);
    std::string list;
    for (const auto& [word, value] : choices) {
      if (word == written) return value;
      list.append(list.empty() ? "" : ", ").append(word);
    }
    none_of(name, written, list);
    return choices.begin()->second;
  }

  template <class T>
  T taken(std::string_view name, Result<T> result, T otherwise) {
    if (result) return std::move(*result);
    complain(name, result.error().message);
    return otherwise;
  }

  /// Whether somebody gave a value, as against a default.
  [[nodiscard]] bool given(std::string_view name) const;

  /// Where the text at `index` of a setting stands, and the setting's name.
  [[nodiscard]] std::string place(std::string_view name, std::size_t index = 0) const;

  void complain(std::string_view name, const std::string& why, std::size_t index = 0);

  /// Complains of `name` when `checked` is an error.
  void check(std::string_view name, const Result<void>& checked, std::size_t index = 0);

  /// The first one.
  [[nodiscard]] const std::optional<peers::Failure>& complaint() const { return complaint_; }

 private:
  void none_of(std::string_view name, const std::string& written, const std::string& choices);

  const OptionMap& values_;
  std::optional<peers::Failure> complaint_;
};

}  // namespace evmesh::daemon
