#include "bus/mesh_operations.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/asked_items.hpp"
#include "bus/letter_json.hpp"
#include "bus/merging.hpp"
#include "bus/task_document.hpp"
#include "bus/work_answers.hpp"
#include "bus/work_json.hpp"

namespace evmesh::bus {

namespace {

constexpr std::uint64_t letters_bytes_max = 16 * limits::mib;

std::string filter_arguments(const DeadLetterFilter& filter) {
  return JsonWriter().raw("filter", filter_json(filter)).done();
}

Result<DeadLetterEntry> read_letter(event::JsonView view) {
  return letter_of_json(view.text()).and_then([](const Letter& letter) { return to_entry(letter); });
}

}  // namespace

// Asking.

void MeshOperations::ask(std::string_view question, const Asker::Arguments& arguments, Unreachable& unreached,
                         const Take& take, std::chrono::milliseconds longer) const {
  if (asker_ == nullptr) return;
  for (const Asker::Answered& each : asker_->ask(question, arguments, answer_patience + longer)) {
    const auto taken = each.answer.and_then([&](const std::string& text) {
      JsonReader json(text);
      return take(json);
    });
    const auto known = [&](const Unreached& other) { return other.node == each.node; };
    if (taken || taken.error().code == ErrorCode::not_found || std::ranges::any_of(unreached, known))
      continue;
    unreached.push_back({each.node, taken.error().message});
  }
}

void MeshOperations::ask_all(std::string_view question, const std::string& arguments, Unreachable& unreached,
                             const Take& take) const {
  ask(question, [&](const NodeId&) { return std::optional(arguments); }, unreached, take);
}

std::vector<Asker::Answered> MeshOperations::ask_raw(std::string_view question,
                                                     const Asker::Arguments& arguments) const {
  if (asker_ == nullptr) return {};
  return asker_->ask(question, arguments, answer_patience);
}

// Events.

Result<FromMesh<EventLife>> MeshOperations::event(const EventId& event) const {
  auto own = local_.event(event);
  if (!own) return tl::unexpected(own.error());
  std::map<std::tuple<DispatchId, std::string, std::string>, GroupLife> all;
  const auto add = [&](const GroupLife& life) {
    const auto fresh = all.try_emplace({life.dispatch, life.bus, life.group.to_string()}, life);
    if (!fresh.second) merge(fresh.first->second, life);
  };
  std::ranges::for_each(own->groups, add);
  FromMesh<EventLife> answer{};
  answer.value.event = event;
  const std::string arguments = JsonWriter().text("event", event.to_string()).done();
  ask_all(asks::event, arguments, answer.unreached, [&](JsonReader& json) -> Result<void> {
    const auto items = read_items<GroupLife>(json, read_life);
    if (!items) return tl::unexpected(items.error());
    std::ranges::for_each(*items, add);
    return {};
  });
  for (auto& [place, life] : all) answer.value.groups.push_back(std::move(life));
  return answer;
}

// Dead letters.

Result<FromMesh<MeshLetterPage>> MeshOperations::dead_letters(const DeadLetterFilter& filter,
                                                              std::optional<DeadLetterId> after,
                                                              std::size_t limit) const {
  const DeadLetterId behind = after.value_or(DeadLetterId{});
  auto own = local_.dead_letters_behind(filter, behind, limit, letters_bytes_max);
  if (!own) return tl::unexpected(own.error());
  LetterMerge merge;
  merge.add(std::move(own->items), own->more);
  const std::string arguments = JsonWriter()
                                    .raw("filter", filter_json(filter))
                                    .text("after", behind.to_string())
                                    .number("limit", limit)
                                    .done();
  FromMesh<MeshLetterPage> answer{};
  ask_all(asks::letters, arguments, answer.unreached, [&](JsonReader& json) -> Result<void> {
    const bool more = json.flag("more");
    auto items = read_items<DeadLetterEntry>(json, read_letter);
    if (!items) return tl::unexpected(items.error());
    merge.add(*std::move(items), more);
    return {};
  });
  answer.value = merge.page(limit, letters_bytes_max);
  return answer;
}

Result<FromMesh<std::uint64_t>> MeshOperations::count_dead_letters(const DeadLetterFilter& filter) const {
  const auto own = local_.count_dead_letters(filter);
  if (!own) return tl::unexpected(own.error());
  FromMesh<std::uint64_t> answer{*own, {}};
  ask_all(asks::count_letters, filter_arguments(filter), answer.unreached, [&](JsonReader& json) {
    answer.value += json.number("count");
    return json.finish();
  });
  return answer;
}

Result<FromMesh<DeadLetterEntry>> MeshOperations::dead_letter(const DeadLetterId& id) const {
  auto own = local_.dead_letter(id);
  if (own || own.error().code != ErrorCode::not_found) {
    return own.map([](DeadLetterEntry& entry) { return FromMesh<DeadLetterEntry>{std::move(entry), {}}; });
  }
  std::optional<DeadLetterEntry> found;
  Unreachable unreached;
  const std::string arguments = JsonWriter().text("id", id.to_string()).done();
  if (asker_ != nullptr) {
    const auto to_all = [&](const NodeId&) { return std::optional(arguments); };
    for (const Asker::Answered& each : asker_->ask(asks::letter, to_all, answer_patience)) {
      const auto letter = each.answer.and_then([](const std::string& text) { return letter_of_json(text); });
      auto entry = letter.and_then([](const Letter& read) { return to_entry(read); });
      if (entry)
        found = std::move(*entry);
      else if (entry.error().code != ErrorCode::not_found)
        unreached.push_back({each.node, entry.error().message});
    }
  }
  if (!found) return tl::unexpected(with_unreached(own.error(), unreached));
  return FromMesh<DeadLetterEntry>{std::move(*found), {}};
}

Result<FromMesh<std::uint64_t>> MeshOperations::remove_dead_letters(const DeadLetterFilter& filter) {
  const auto own = local_.remove_dead_letters(filter);
  if (!own) return tl::unexpected(own.error());
  FromMesh<std::uint64_t> answer{*own, {}};
  ask_all(asks::remove_letters, filter_arguments(filter), answer.unreached, [&](JsonReader& json) {
    answer.value += json.number("count");
    return json.finish();
  });
  return answer;
}

// Tasks.

Result<FromMesh<TaskStatus>> MeshOperations::redeliver(const Redelivery& order) {
  const auto own = local_.count_dead_letters(order.filter);
  if (!own) return tl::unexpected(own.error());
  std::map<NodeId, std::uint64_t> letters;  // of others that have some
  FromMesh<TaskStatus> answer{};
  if (asker_ != nullptr) {
    const auto to_all = [&](const NodeId&) { return std::optional(filter_arguments(order.filter)); };
    for (const Asker::Answered& each : asker_->ask(asks::count_letters, to_all, answer_patience)) {
      const auto count = each.answer.and_then(read_count);
      if (!count) answer.unreached.push_back({each.node, count.error().message});
      if (count && *count > 0) letters[each.id] = *count;
    }
  }
  Shares shares(order, letters.size() + 1);
  // This node always has a part, so that whoever asks it for the task is answered.
  const auto id = TaskId::fresh();
  auto part = local_.redeliver(id, shares.next(*own));
  if (!part) return tl::unexpected(part.error());
  answer.value = *std::move(part);
  std::map<NodeId, std::string> arguments;
  for (const auto& [node, count] : letters) {
    if (shares.empty()) break;
    const Redelivery share = shares.next(count);
    arguments[node] = JsonWriter()
                          .text("task", id.to_string())
                          .raw("filter", filter_json(share.filter))
                          .number("limit", share.limit)
                          .real("per_second", share.per_second)
                          .flag("dry_run", share.dry_run)
                          .done();
  }
  const auto of_node = [&](const NodeId& node) {
    const auto found = arguments.find(node);
    return found == arguments.end() ? std::nullopt : std::optional(found->second);
  };
  if (asker_ != nullptr && !arguments.empty()) {
    for (const Asker::Answered& each : asker_->ask(asks::redeliver, of_node, answer_patience)) {
      const auto status = each.answer.and_then([](const std::string& text) { return read_task_text(text); });
      if (status)
        merge(answer.value, *status);
      else
        answer.unreached.push_back({each.node, status.error().message});
    }
  }
  answer.value.order = order;
  return answer;
}

Result<FromMesh<std::vector<TaskStatus>>> MeshOperations::tasks() const {
  const auto own = local_.tasks();
  if (!own) return tl::unexpected(own.error());
  std::map<TaskId, TaskStatus> all;
  const auto add = [&](const TaskStatus& task) {
    const auto fresh = all.try_emplace(task.id, task);
    if (!fresh.second) merge(fresh.first->second, task);
  };
  std::ranges::for_each(*own, add);
  FromMesh<std::vector<TaskStatus>> answer{};
  ask_all(asks::tasks, std::string(no_arguments), answer.unreached, [&](JsonReader& json) -> Result<void> {
    const auto items = read_items<TaskStatus>(json, read_task_status);
    if (!items) return tl::unexpected(items.error());
    std::ranges::for_each(*items, add);
    return {};
  });
  for (auto& [id, task] : all) answer.value.push_back(std::move(task));
  std::ranges::reverse(answer.value);
  return answer;
}

/// This node's part of a task, if it has one, and those of the others, each after it was waited for.
Result<FromMesh<TaskStatus>> MeshOperations::parts_of(const TaskId& id, std::string_view question,
                                                      const Result<TaskStatus>& local,
                                                      std::chrono::milliseconds wait) const {
  if (!local && local.error().code != ErrorCode::not_found) return tl::unexpected(local.error());
  std::optional<TaskStatus> sum;
  if (local) sum = *local;
  Unreachable unreached;
  JsonWriter arguments;
  arguments.text("task", id.to_string());
  if (question == asks::task) arguments.number("wait_ms", static_cast<std::uint64_t>(wait.count()));
  const std::string text = arguments.done();
  if (asker_ != nullptr) {
    const auto to_all = [&](const NodeId&) { return std::optional(text); };
    for (const Asker::Answered& each : asker_->ask(question, to_all, answer_patience + wait)) {
      const auto part = each.answer.and_then([](const std::string& told) { return read_task_text(told); });
      if (part && sum) merge(*sum, *part);
      if (part && !sum) sum = *part;
      if (part || part.error().code == ErrorCode::not_found) continue;
      unreached.push_back({each.node, part.error().message});
    }
  }
  if (!sum) return tl::unexpected(with_unreached(local.error(), unreached));
  return FromMesh<TaskStatus>{std::move(*sum), std::move(unreached)};
}

Result<FromMesh<TaskStatus>> MeshOperations::task(const TaskId& id) const {
  return parts_of(id, asks::task, local_.task(id), {});
}

Result<FromMesh<TaskStatus>> MeshOperations::wait_task(const TaskId& id,
                                                       std::chrono::milliseconds timeout) const {
  for (;;) {
    // Where this node has a part it waits here first, and then for the others in turns.
    const auto turn = std::clamp(timeout, std::chrono::milliseconds{0}, task_wait_max);
    const auto own = local_.wait_task(id, turn);
    const bool here = own && !own->over();
    auto sum = parts_of(id, asks::task, own, here ? std::chrono::milliseconds{0} : turn);
    timeout -= turn;
    if (!sum || sum->value.over() || timeout.count() <= 0) return sum;
  }
}

Result<FromMesh<TaskStatus>> MeshOperations::cancel_task(const TaskId& id) {
  return parts_of(id, asks::cancel_task, local_.cancel_task(id), {});
}

}  // namespace evmesh::bus
