// Groups of the whole mesh.
#include <algorithm>
#include <map>
#include <utility>

#include "base/text.hpp"
#include "bus/asked_items.hpp"
#include "bus/merging.hpp"
#include "bus/mesh_operations.hpp"
#include "bus/work_answers.hpp"
#include "bus/work_json.hpp"

namespace evmesh::bus {

namespace {

/// What nodes say of one group.
struct Standing {
  bool known = false;
  std::uint64_t owed = 0;
  std::vector<std::string> running;  // names of nodes
  std::vector<std::string> owing;    // likewise, with the number

  void note(const std::string& node, const GroupStatus& group) {
    known = true;
    owed += group.owed();
    if (group.runners > 0) running.push_back(node);
    if (group.owed() > 0) owing.push_back(node + ' ' + std::to_string(group.owed()));
  }
};

std::string joined(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list.append(list.empty() ? "" : ", ").append(text);
  return list;
}

/// Why a group that stands so is not removed.
Result<void> removable(const Standing& standing, const Group& group, bool cancel) {
  const std::string name = "group " + base::quoted(group.to_string());
  if (!standing.running.empty()) {
    return fail(ErrorCode::group_in_use,
                name + " runs on " + joined(standing.running) + "; unregister its listeners first");
  }
  if (standing.owed == 0 || cancel) return {};
  return fail(ErrorCode::group_in_use, name + " is owed " + std::to_string(standing.owed) + " events (" +
                                           joined(standing.owing) + "); let it run, or cancel them");
}

Result<std::vector<GroupStatus>> read_groups(const std::string& text) {
  JsonReader json(text);
  return read_items<GroupStatus>(json, read_group);
}

}  // namespace

Result<FromMesh<std::vector<GroupStatus>>> MeshOperations::groups() const {
  const auto own = local_.groups();
  if (!own) return tl::unexpected(own.error());
  std::map<std::pair<std::string, std::string>, GroupStatus> all;
  const auto add = [&](const GroupStatus& group) {
    const auto fresh = all.try_emplace({group.bus, group.group.to_string()}, group);
    if (!fresh.second) merge(fresh.first->second, group);
  };
  std::ranges::for_each(*own, add);
  FromMesh<std::vector<GroupStatus>> answer{};
  ask_all(asks::groups, std::string(no_arguments), answer.unreached, [&](JsonReader& json) -> Result<void> {
    const auto items = read_items<GroupStatus>(json, read_group);
    if (!items) return tl::unexpected(items.error());
    std::ranges::for_each(*items, add);
    return {};
  });
  for (auto& [place, group] : all) answer.value.push_back(std::move(group));
  return answer;
}

Result<FromMesh<GroupStatus>> MeshOperations::group(std::string_view bus, const Group& group) const {
  const auto own = local_.group(bus, group);
  // Whether there is such a bus this node knows; whether there is such a group, perhaps another.
  if (!own && own.error().code != ErrorCode::unknown_group) return tl::unexpected(own.error());
  auto all = groups();
  if (!all) return tl::unexpected(all.error());
  for (GroupStatus& each : all->value) {
    if (each.bus == bus && each.group == group) {
      return FromMesh<GroupStatus>{std::move(each), std::move(all->unreached)};
    }
  }
  Error error = own ? Error{ErrorCode::unknown_group, "the group has gone"} : own.error();
  return tl::unexpected(with_unreached(std::move(error), all->unreached));
}

/// The others may not have heard yet: what this node says of the pause holds.
Result<FromMesh<GroupStatus>> MeshOperations::after_change(const Result<GroupStatus>& own) const {
  if (!own) return tl::unexpected(own.error());
  auto all = group(own->bus, own->group);
  if (!all) return all;
  all->value.paused = own->paused;
  all->value.pause_reason = own->pause_reason;
  return all;
}

Result<FromMesh<GroupStatus>> MeshOperations::pause(std::string_view bus, const Group& group,
                                                    std::string reason) {
  return after_change(local_.pause(bus, group, std::move(reason)));
}

Result<FromMesh<GroupStatus>> MeshOperations::resume(std::string_view bus, const Group& group) {
  return after_change(local_.resume(bus, group));
}

Result<FromMesh<std::uint64_t>> MeshOperations::remove(std::string_view bus, const Group& group,
                                                       bool cancel) {
  Standing standing;
  const auto own = local_.group(bus, group);
  if (!own && own.error().code != ErrorCode::unknown_group) return tl::unexpected(own.error());
  if (own) standing.note("this node", *own);
  FromMesh<std::uint64_t> answer{};
  const auto all_groups = [](const NodeId&) { return std::optional(std::string(no_arguments)); };
  for (const Asker::Answered& each : ask_raw(asks::groups, all_groups)) {
    const auto groups = each.answer.and_then(read_groups);
    if (!groups) answer.unreached.push_back({each.node, groups.error().message});
    if (!groups) continue;
    for (const GroupStatus& status : *groups) {
      if (status.bus == bus && status.group == group) standing.note("node " + each.node, status);
    }
  }
  if (!standing.known) return tl::unexpected(with_unreached(own.error(), answer.unreached));
  if (auto good = removable(standing, group, cancel); !good) return tl::unexpected(good.error());
  if (auto released = release(bus, group, cancel, answer); !released) return tl::unexpected(released.error());
  const auto removed = local_.remove(bus, group, cancel);
  // Only others owed it something.
  if (!removed && removed.error().code == ErrorCode::unknown_group) return answer;
  if (!removed) return tl::unexpected(removed.error());
  answer.value += *removed;
  return answer;
}

/// The others cancel what they owe the group, and refuse when a listener is registered there after all.
Result<void> MeshOperations::release(std::string_view bus, const Group& group, bool cancel,
                                     FromMesh<std::uint64_t>& answer) {
  const std::string arguments =
      JsonWriter().text("bus", bus).text("group", group.to_string()).flag("cancel", cancel).done();
  const auto to_all = [&](const NodeId&) { return std::optional(arguments); };
  Result<void> released;
  for (const Asker::Answered& each : ask_raw(asks::release_group, to_all)) {
    const auto count = each.answer.and_then(read_count);
    if (count) {
      answer.value += *count;
    } else if (count.error().code == ErrorCode::group_in_use) {
      released = fail(ErrorCode::group_in_use, "node " + each.node + ": " + count.error().message);
    } else if (count.error().code != ErrorCode::unknown_group) {
      const auto known = [&](const Unreached& other) { return other.node == each.node; };
      if (std::ranges::none_of(answer.unreached, known))
        answer.unreached.push_back({each.node, count.error().message});
    }
  }
  return released;
}

}  // namespace evmesh::bus
