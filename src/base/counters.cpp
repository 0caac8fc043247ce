#include "base/counters.hpp"

namespace evmesh::base {

Counter& Counters::named(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = counters_.find(name);
  if (found != counters_.end()) return found->second;
  return counters_.try_emplace(std::string(name)).first->second;
}

std::map<std::string, std::uint64_t> Counters::values() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> all;
  for (const auto& [name, counter] : counters_) all.emplace(name, counter.value());
  return all;
}

}  // namespace evmesh::base
