#include "bus/work_answers.hpp"

#include <map>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/task_document.hpp"
#include "bus/work_json.hpp"

namespace evmesh::bus {

namespace {

using Answer = Result<std::string>;

/// Of the letters' events in one answer: encoded again they still fit.
constexpr std::uint64_t letters_bytes_max = 4 * limits::mib;

Answer count_json(const Result<std::uint64_t>& count) {
  if (!count) return tl::unexpected(count.error());
  return JsonWriter().number("count", *count).done();
}

Answer task_answer(const Result<TaskStatus>& task) {
  if (!task) return tl::unexpected(task.error());
  return task_json(*task);
}

Answer groups(Operations& operations, JsonReader& json) {
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  const auto groups = operations.groups();
  if (!groups) return tl::unexpected(groups.error());
  std::vector<std::string> items;
  for (const GroupStatus& group : *groups) items.push_back(group_json(group));
  return items_json(items);
}

Answer release_group(Operations& operations, JsonReader& json) {
  const std::string bus = json.text("bus");
  const auto group = Group::parse(json.text("group"));
  const bool cancel = json.flag("cancel");
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  if (!group) return tl::unexpected(group.error());
  return count_json(operations.release(bus, *group, cancel));
}

Answer event(Operations& operations, JsonReader& json) {
  const auto id = json.parsed<EventId>("event", {});
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  const auto life = operations.event(id);
  if (!life) return tl::unexpected(life.error());
  std::vector<std::string> items;
  for (const GroupLife& group : life->groups) items.push_back(life_json(group));
  return items_json(items);
}

Answer letters(Operations& operations, JsonReader& json) {
  const DeadLetterFilter filter = read_filter(json);
  const auto after = json.parsed<DeadLetterId>("after", {});
  const std::uint64_t limit = json.number("limit");
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  const auto page = operations.dead_letters_behind(filter, after, limit, letters_bytes_max);
  if (!page) return tl::unexpected(page.error());
  std::string items;
  for (const DeadLetterEntry& entry : page->items) items += (items.empty() ? "" : ",") + to_json(entry);
  return JsonWriter().flag("more", page->more).raw("items", '[' + items + ']').done();
}

Answer count_letters(Operations& operations, JsonReader& json) {
  const DeadLetterFilter filter = read_filter(json);
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return count_json(operations.count_dead_letters(filter));
}

Answer letter(Operations& operations, JsonReader& json) {
  const auto id = json.parsed<DeadLetterId>("id", {});
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  const auto found = operations.dead_letter(id);
  if (!found) return tl::unexpected(found.error());
  return to_json(*found);
}

Answer remove_letters(Operations& operations, JsonReader& json) {
  const DeadLetterFilter filter = read_filter(json);
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return count_json(operations.remove_dead_letters(filter));
}

Answer redeliver(Operations& operations, JsonReader& json) {
  const auto id = json.parsed<TaskId>("task", {});
  Redelivery order;
  order.filter = read_filter(json);
  order.limit = json.number("limit");
  order.per_second = json.real("per_second");
  order.dry_run = json.flag("dry_run");
  if (id.nil()) json.wrong("task", "is missing");
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return task_answer(operations.redeliver(id, order));
}

Answer tasks(Operations& operations, JsonReader& json) {
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  const auto tasks = operations.tasks();
  if (!tasks) return tl::unexpected(tasks.error());
  std::vector<std::string> items;
  for (const TaskStatus& task : *tasks) items.push_back(task_json(task));
  return items_json(items);
}

Answer task(Operations& operations, JsonReader& json) {
  const auto id = json.parsed<TaskId>("task", {});
  const auto wait = json.number("wait_ms", static_cast<std::uint64_t>(task_wait_max.count()));
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return task_answer(operations.wait_task(id, std::chrono::milliseconds{static_cast<std::int64_t>(wait)}));
}

Answer cancel_task(Operations& operations, JsonReader& json) {
  const auto id = json.parsed<TaskId>("task", {});
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return task_answer(operations.cancel_task(id));
}

}  // namespace

Result<std::string> answer_question(Operations& operations, std::string_view question,
                                    std::string_view arguments) {
  static const std::map<std::string_view, Answer (*)(Operations&, JsonReader&)> answers{
      {asks::groups, groups},
      {asks::release_group, release_group},
      {asks::event, event},
      {asks::letters, letters},
      {asks::count_letters, count_letters},
      {asks::letter, letter},
      {asks::remove_letters, remove_letters},
      {asks::redeliver, redeliver},
      {asks::tasks, tasks},
      {asks::task, task},
      {asks::cancel_task, cancel_task}};
  const auto found = answers.find(question);
  if (found == answers.end()) {
    return fail(ErrorCode::not_supported, "this node does not know the question " + base::quoted(question));
  }
  JsonReader json(arguments);
  return found->second(operations, json);
}

}  // namespace evmesh::bus
