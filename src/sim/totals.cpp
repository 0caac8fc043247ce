#include "sim/totals.hpp"

#include <sstream>

namespace evmesh::sim {

void Totals::add(std::string_view name, std::uint64_t count) {
  const auto found = counts_.find(name);
  if (found != counts_.end()) {
    found->second += count;
  } else {
    counts_.emplace(name, count);
  }
}

void Totals::merge(const Totals& other) {
  frames += other.frames;
  frames_lost += other.frames_lost;
  deliveries += other.deliveries;
  for (const auto& [name, count] : other.counts_) add(name, count);
}

std::uint64_t Totals::of(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

std::string Totals::text() const {
  std::ostringstream out;
  out << "frames " << frames << "\nframes_lost " << frames_lost << "\ndeliveries " << deliveries << '\n';
  for (const auto& [name, count] : counts_) out << name << ' ' << count << '\n';
  return out.str();
}

}  // namespace evmesh::sim
