#include "totals.hpp"

#include <sstream>

namespace evmesh::sim_work {

void Totals::add(std::string_view name, std::uint64_t count) {
  const auto found = counts_.find(name);
  if (found != counts_.end()) {
    found->second += count;
  } else {
    counts_.emplace(name, count);
  }
}

void Totals::merge(const Totals& other) {
  for (const auto& [name, count] : other.counts_) add(name, count);
}

std::uint64_t Totals::of(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

std::string Totals::text() const {
  std::ostringstream out;
  for (const auto& [name, count] : counts_) out << name << ' ' << count << '\n';
  return out.str();
}

const std::vector<std::string_view>& rare_situations() {
  static const std::vector<std::string_view> names{"crashed_while_running",
                                                   "crashed_while_settled",
                                                   "crashed_while_burying",
                                                   "crashed_while_waiting",
                                                   "power_cut_lost_records",
                                                   "power_cut_before_removal",
                                                   "rot_found",
                                                   "sync_error_hit",
                                                   "refused_full",
                                                   "accepted_after_full",
                                                   "stalled_for_space",
                                                   "quarantined",
                                                   "condemned_letter_redelivered",
                                                   "duplicate_after_crash",
                                                   "duplicate_after_power_cut",
                                                   "cancelled_while_running",
                                                   "given_up",
                                                   "over_quota",
                                                   "letter_box_refused",
                                                   "letter_box_kept_letter",
                                                   "redelivered_twice",
                                                   "dropped",
                                                   "carried",
                                                   "event_read_back",
                                                   "goodbye_believed",
                                                   "unknown_type_waited",
                                                   "crashed_in_recovery",
                                                   "seeds_without_faults",
                                                   "generation_3"};
  return names;
}

}  // namespace evmesh::sim_work
