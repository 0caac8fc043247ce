#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace evmesh::sim {

/// What happened in a run, or in all of them. Value.
class Totals {
 public:
  void add(std::string_view name, std::uint64_t count = 1);
  void merge(const Totals& other);
  [[nodiscard]] std::uint64_t of(std::string_view name) const;

  /// A line for each count.
  [[nodiscard]] std::string text() const;

  // Counted for every frame, so not by name.
  std::uint64_t frames = 0;
  std::uint64_t frames_lost = 0;
  std::uint64_t deliveries = 0;

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace evmesh::sim
