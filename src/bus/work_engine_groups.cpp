#include <algorithm>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "bus/required_state.hpp"
#include "bus/work_engine.hpp"

// The map of required groups: kept among the documents, put in force on the buses, shared with the mesh.

namespace evmesh::bus {

using work::Actions;

namespace {

constexpr std::string_view required_kind = "required-group";

// Failures that somebody may still ask for.
constexpr std::size_t failures_max = 64;

}  // namespace

/// Before there are threads.
Result<void> WorkEngine::load_groups() {
  if (!durable()) return {};
  const auto documents = letters_->documents(required_kind);
  if (!documents) return tl::unexpected(documents.error());
  for (const auto& [name, body] : *documents) {
    if (auto entry = read_required(name, body, settings_.self)) core_.groups().load(std::move(*entry));
  }
  return {};
}

void WorkEngine::watch_groups(const std::string& bus, const std::shared_ptr<GroupWatcher>& watcher) {
  const std::lock_guard keeping(groups_mutex_);
  group_watchers_[bus] = watcher;
  std::vector<wire::GroupEntry> entries;
  {
    const Lock lock(mutex_);
    entries = core_.groups().entries();
  }
  for (const wire::GroupEntry& entry : entries) {
    if (entry.bus == bus && entry.present) watcher->group_changed(entry, true);
  }
}

Result<void> WorkEngine::change_group(std::string_view bus, const Group& group,
                                      const std::function<void(wire::GroupEntry&)>& what) {
  Result<std::uint64_t> change{0};
  {
    Lock lock(mutex_);
    if (failure_) return tl::unexpected(*failure_);
    Actions actions;
    change = core_.groups().change(turn(actions), bus, group.to_string(), what);
    after_change(lock, actions);
  }
  if (!change) return tl::unexpected(change.error());
  if (*change == 0) return {};
  keep_groups();
  const std::lock_guard keeping(groups_mutex_);
  const auto failed = group_failures_.find(*change);
  return failed == group_failures_.end() ? Result<void>() : tl::unexpected(failed->second);
}

/// Keeps all that is to be kept, in its order: when this returns, so is what was asked for before it.
void WorkEngine::keep_groups() {
  const std::lock_guard keeping(groups_mutex_);
  for (;;) {
    std::optional<work::KeepGroup> next;
    {
      const Lock lock(mutex_);
      next = core_.groups().next_keep();
    }
    if (!next) return;
    const auto kept = keep_group(*next);
    if (kept && next->change != 0) tell_watcher(next->entry);
    Lock lock(mutex_);
    Actions actions;
    core_.groups().kept(turn(actions), next->change, kept.has_value());
    after_change(lock, actions);
  }
}

/// Under groups_mutex_.
Result<void> WorkEngine::keep_group(const work::KeepGroup& keep) {
  if (!durable()) return {};
  const std::string name = required_name(keep.entry);
  auto kept = keep.erase ? letters_->erase(required_kind, name)
                         : letters_->put(required_kind, name, required_document(keep.entry));
  if (kept) return kept;
  if (group_failures_.size() >= failures_max) group_failures_.erase(group_failures_.begin());
  group_failures_.insert_or_assign(keep.change, kept.error());
  if (services_.log) {
    services_.log({LogLevel::error,
                   "group_not_kept",
                   {{"bus", keep.entry.bus}, {"group", keep.entry.group}, {"why", kept.error().message}}});
  }
  return kept;
}

/// Under groups_mutex_.
void WorkEngine::tell_watcher(const wire::GroupEntry& entry) {
  const auto watcher = group_watchers_.find(entry.bus);
  if (watcher == group_watchers_.end()) return;
  if (const auto told = watcher->second.lock()) told->group_changed(entry, entry.writer == settings_.self);
}

RegistrationReceipt WorkEngine::group_receipt(std::string_view bus, const Group& group, base::MonoTime since,
                                              std::chrono::milliseconds timeout) {
  const std::string name = group.to_string();
  Lock lock(mutex_);
  std::vector<work::RequiredGroups::Knows> members;
  const auto complete = [&] {
    members = core_.groups().who_knows(bus, name);
    return failure_ || stopping_ || std::ranges::all_of(members, [](const auto& each) { return each.since.has_value(); });
  };
  if (!complete() && timeout.count() > 0) groups_changed_.wait_for(lock, timeout, complete);
  RegistrationReceipt receipt;
  receipt.failure = failure_;
  for (const auto& member : members) {
    if (!member.since) {
      receipt.missing.push_back(member.name);
      continue;
    }
    receipt.acknowledged.push_back({member.life.id, member.name, 0});
    receipt.elapsed = std::max(
        receipt.elapsed, std::chrono::duration_cast<std::chrono::microseconds>(*member.since - since));
  }
  std::ranges::sort(receipt.acknowledged, {}, &PeerAcknowledgement::peer);
  std::ranges::sort(receipt.missing);
  return receipt;
}

}  // namespace evmesh::bus
