#include "tap.hpp"

#include <algorithm>
#include <variant>

namespace evmesh::sim_group {

using wire::Life;

void Tap::seen(const Life& from, const Life& to, const wire::Frame& frame) {
  std::visit([&](const auto& body) { look(from, to, body); }, frame.body);
}

void Tap::look(const Life& from, const Life& to, const wire::Deliver& it) {
  totals_.add("deliveries", it.deliveries.size());
  const bool again =
      std::ranges::any_of(it.deliveries, [](const auto& each) { return each.custody.counter > 0; });
  if (again) totals_.add("delivered_by_adopter");
  const auto found = fences_.find({from, to});
  if (found == fences_.end()) return;
  const std::uint64_t last = it.first + it.deliveries.size() - 1;
  for (const Fence& fence : found->second) {
    if (it.first <= fence.last && last >= fence.first) return totals_.add("fence_used");
  }
}

void Tap::look(const Life&, const Life&, const wire::Verdicts& it) {
  for (const wire::WorkVerdict& verdict : it.verdicts) {
    if (verdict.ending == wire::WorkEnding::given_back) totals_.add("given_back");
    if (verdict.ending == wire::WorkEnding::unknown_type) totals_.add("type_unknown_elsewhere");
  }
}

void Tap::look(const Life&, const Life&, const wire::Retired& it) {
  if (!it.also.empty()) totals_.add("retired_out_of_order");
}

void Tap::look(const Life&, const Life&, const wire::Query&) { totals_.add("queried"); }

void Tap::look(const Life& from, const Life& to, const wire::Unknown& it) {
  totals_.add("unknown_answered");
  for (const wire::NumberRange& range : it.numbers) fences_[{to, from}].push_back({range.first, range.last});
}

void Tap::look(const Life& from, const Life& to, const wire::Copy& it) {
  const auto open = snapshots_.find({from, to});
  if (it.begin) {
    if (open != snapshots_.end()) totals_.add("snapshot_begun_again");
    for (const auto& [pair, version] : snapshots_) {
      if (pair.first == from && pair.second != to) totals_.add("snapshots_to_two");
    }
    totals_.add("snapshots");
    snapshots_[{from, to}] = it.set_version;
  } else if (open != snapshots_.end() && !it.end && open->second != it.set_version) {
    totals_.add("snapshot_during_change");
  }
  if (it.end) snapshots_.erase({from, to});
}

void Tap::look(const Life& from, const Life& to, const wire::Guard& it) {
  if (it.set_version > 1) totals_.add("guardians_changed");
  const auto open = snapshots_.find({from, to});
  if (open != snapshots_.end() && open->second < it.set_version) totals_.add("snapshot_during_change");
  if (std::ranges::find(it.guardians, to.id) == it.guardians.end()) totals_.add("guardian_let_go");
}

void Tap::look(const Life& from, const Life& to, const wire::Adopted& it) {
  if (it.groups.empty()) return;
  totals_.add("adoption");
  if (it.counter > 1) totals_.add("adopted_again");
  if (it.owner == to.id) totals_.add(it.epoch == to.epoch ? "adopted_while_alive" : "adopted_then_back");
  auto& adopters = adopters_[{it.owner, it.epoch, it.counter}];
  if (!adopters.insert(from.id).second) return;
  if (adopters.size() > 1) totals_.add("custody_tie");
  const auto others = std::ranges::count_if(adopters_, [&](const auto& entry) {
    const auto& [owner, epoch, counter] = entry.first;
    return owner == it.owner && epoch == it.epoch && counter != it.counter;
  });
  if (others > 0) totals_.add("double_adoption");
}

void Tap::look(const Life&, const Life&, const wire::AdoptedAnswer& it) {
  for (const wire::StateEntry& state : it.states) {
    switch (state.state) {
      case wire::WorkState::queued: totals_.add("answered_queued"); break;
      case wire::WorkState::running: totals_.add("answered_running"); break;
      case wire::WorkState::done: totals_.add("answered_done"); break;
      case wire::WorkState::failed: totals_.add("answered_failed"); break;
      case wire::WorkState::refused: totals_.add("answered_refused"); break;
      case wire::WorkState::dead: totals_.add("answered_dead"); break;
      case wire::WorkState::removed: totals_.add("answered_removed"); break;
      case wire::WorkState::newer: totals_.add("answered_newer"); break;
      case wire::WorkState::let_go: totals_.add("answered_let_go"); break;
    }
  }
}

void Tap::look(const Life&, const Life&, const wire::ClaimAnswer& it) {
  totals_.add("claims_answered");
  if (!it.states.empty()) totals_.add("claims_answered_with_states");
}

void Tap::look(const Life&, const Life&, const wire::Stale&) { totals_.add("stale"); }

}  // namespace evmesh::sim_group
