#include "totals.hpp"

#include <sstream>

namespace evmesh::sim_group {

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
  frames += other.frames;
  frames_lost += other.frames_lost;
}

std::uint64_t Totals::of(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

std::string Totals::text() const {
  std::ostringstream out;
  out << "frames " << frames << "\nframes_lost " << frames_lost << '\n';
  for (const auto& [name, count] : counts_) out << name << ' ' << count << '\n';
  return out.str();
}

const std::vector<std::string_view>& rare_situations() {
  static const std::vector<std::string_view> names{
      "crashed_while_running", "power_cut_lost_records", "sync_error_hit",
      "duplicate_run", "unknown_type_answered", "redelivered", "thought_dead_and_alive",
      "frame_before_up", "late_frame", "seeds_without_faults", "frame_of_later_version", "adoption",
      "adopted_again", "adopted_while_alive", "adopted_then_back", "custody_tie", "double_adoption",
      "delivered_by_adopter", "answered_done", "answered_running", "answered_newer", "copies_made_up",
      "receipts_degraded", "receipts_replicated", "snapshots", "guardian_let_go", "fault_lost_disk",
      "fault_gone", "fault_rollback", "fault_partition", "fault_one_way", "fault_freeze",
      "wiped_under_old_name", "put_back_and_noticed", "twice_at_once", "stale"};
  return names;
}

}  // namespace evmesh::sim_group
