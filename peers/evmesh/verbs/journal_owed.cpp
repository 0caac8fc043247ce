#include "evmesh/verbs/journal_owed.hpp"

#include <algorithm>
#include <type_traits>
#include <variant>

namespace evmesh::cli {

void Owed::take(storage::Position position, const storage::WorkRecord& record) {
  std::visit(
      [&](const auto& each) {
        using Record = std::decay_t<decltype(each)>;
        if constexpr (std::is_same_v<Record, storage::Owed>) {
          apply(position, each);
        } else if constexpr (requires { apply(each); }) {
          apply(each);
        }
      },
      record);
}

std::uint64_t Owed::count() const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(debts_, [](const auto& entry) { return !entry.second.over; }));
}

const Owed::Debt* Owed::find(storage::Position position, const storage::DispatchId& id,
                             std::uint64_t group) const {
  const auto debt = debts_.find({id, group});
  const bool here = debt != debts_.end() && debt->second.position == position && !debt->second.over;
  return here ? &debt->second : nullptr;
}

Owed::Debt* Owed::find(const storage::Place& place) {
  const auto debt = debts_.find({place.id, place.group});
  return debt != debts_.end() && debt->second.generation == place.generation ? &debt->second : nullptr;
}

void Owed::apply(storage::Position position, const storage::Owed& owed) {
  for (const storage::OwedGroup& group : owed.groups) {
    Debt debt{position, group.generation, group.cancelled, group.ended, {}};
    for (const storage::PastAttempt& past : group.history) {
      debt.attempts.push_back({past.number, past.time, past.node, std::string(past.error)});
    }
    debts_.insert_or_assign({owed.id, storage::group_hash(owed.bus, group.name)}, std::move(debt));
  }
}

void Owed::apply(const storage::Failed& failed) {
  Debt* const debt = find(failed.place);
  if (debt == nullptr) return;
  debt->ended = failed.ended;
  debt->attempts.push_back({failed.attempt, failed.time, failed.node, std::string(failed.error)});
}

void Owed::apply(const storage::Verdict& verdict) {
  if (find(verdict.place) != nullptr) debts_.erase({verdict.place.id, verdict.place.group});
}

void Owed::apply(const storage::Settled& settled) {
  if (Debt* const debt = find(settled.place)) debt->over = true;
}

void Owed::apply(const storage::Cancelled& cancelled) {
  std::erase_if(debts_, [&](const auto& entry) {
    return entry.first.second == cancelled.group && !entry.second.ended && !entry.second.over;
  });
}

}  // namespace evmesh::cli
