#include "rare_situations.hpp"

namespace evmesh::sim {

const std::vector<std::string_view>& rare_situations() {
  static const std::vector<std::string_view> names{
      "gap_ring_overrun", "gap_life_ended", "gap_joined_late", "gap_listener_overrun",
      "indirect_probe_saved_member", "one_way_seen", "own_pause_corrected", "epoch_replaced", "up_after_dead",
      "hold_until_ack", "whole_set_requested", "mode_changed_under_load", "evmesh_stream_early_dropped_total",
      "interest_dropped_then_back", "window_shut", "back_pressure", "hollow", "pipe_full", "replayed_stale",
      "followed_again_before_noticed", "evmesh_membership_frames_rejected_old_epoch_total",
      "evmesh_stream_lagging_total", "evmesh_stream_repaired_total", "join_timeout", "seeds_without_loss", "fault_crowding",
      "seeds_with_transient", "went_on_as_later_life", "old_disks", "fault_forget", "forgotten_while_it_lived", "note_member_replaced"};
  return names;
}

}  // namespace evmesh::sim
