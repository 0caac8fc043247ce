#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

#include "base/counters.hpp"

namespace evmesh::bus {

/// Counts what a bus refuses, one counter for each reason. Thread-safe.
class Refusals {
 public:
  /// Named NAME{reason="..."}. Makes those of `reasons`, so that they are seen before anything is refused;
  /// others come with their first refusal.
  Refusals(base::Counters& counters, std::string_view name, std::initializer_list<ErrorCode> reasons)
      : counters_(counters), name_(name) {
    for (const ErrorCode reason : reasons) static_cast<void>(of(reason));
  }

  void add(const Error& error) { of(error.code).add(); }

 private:
  [[nodiscard]] base::Counter& of(ErrorCode reason) {
    return counters_.named(std::string(name_) + "{reason=\"" + std::string(to_string(reason)) + "\"}");
  }

  base::Counters& counters_;
  const std::string_view name_;
};

}  // namespace evmesh::bus
