#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/exit_code.hpp"
#include "evmesh/command.hpp"

namespace evmesh::cli {

/// The events to dispatch, one after another, each as a JSON item of the event route. Thread-bound to its
/// user.
class Items {
 public:
  Items() = default;
  Items(const Items&) = delete;
  Items& operator=(const Items&) = delete;
  virtual ~Items() = default;

  /// The next item. Nothing at the end, or, unless `wait`, while nothing more can be read at once.
  /// Errors: `data` naming the line that holds no JSON, `io` when reading fails.
  [[nodiscard]] virtual peers::Outcome<std::optional<std::string>> next(bool wait) = 0;

  /// No item will come any more.
  [[nodiscard]] virtual bool ended() const = 0;

  /// How many there are, when that is known beforehand.
  [[nodiscard]] virtual std::optional<std::uint64_t> count() const { return std::nullopt; }

  /// Lines that told of a gap and were left out.
  [[nodiscard]] virtual std::uint64_t gaps() const { return 0; }
};

/// From words and flags: TYPE with BODY ("-": standard input) and --count, or --file. `usage` for what
/// contradicts, `io` when something cannot be read, `data` for a file without events.
[[nodiscard]] peers::Outcome<std::unique_ptr<Items>> read_items(const Arguments& arguments);

}  // namespace evmesh::cli
