#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <evmesh/log.hpp>

#include "base/clock.hpp"

namespace evmesh::peers {

/// Logs a fault that comes again and again: once when it begins or its text changes, then how often, every 10
/// s, and once when it is over. Thread-bound to its user.
class RepeatedFault {
 public:
  /// `name` is the record's message while it lasts; `name` and `_over` when it has passed.
  RepeatedFault(LogSink sink, std::string_view name);

  void failed(base::MonoTime now, const std::string& why);
  void passed(base::MonoTime now);

  [[nodiscard]] bool lasting() const { return times_ != 0; }

  /// How long it lasts by now; zero when it does not.
  [[nodiscard]] std::chrono::nanoseconds since(base::MonoTime now) const;

 private:
  LogSink sink_;
  std::string name_;
  std::string why_;
  std::uint64_t times_ = 0;
  base::MonoTime began_{};
  base::MonoTime said_{};
};

}  // namespace evmesh::peers
