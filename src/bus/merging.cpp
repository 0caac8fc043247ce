#include "bus/merging.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace evmesh::bus {

namespace {

template <class Time>
std::optional<Time> earlier(const std::optional<Time>& one, const std::optional<Time>& other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}

/// What settles more comes later: done before all else, then the higher return, then cancelled, dead, owed.
std::pair<std::uint64_t, int> weight(const GroupLife& life) {
  switch (life.state) {
    case WorkState::done: return {~std::uint64_t{0}, 0};
    case WorkState::cancelled: return {life.returns, 9};
    case WorkState::dead: return {life.returns, 8};
    default: return {life.returns, static_cast<int>(life.state)};
  }
}

/// Which state a task of two parts is in.
TaskState both(TaskState one, TaskState other) {
  if (one == other) return one;
  const auto either = [&](TaskState state) { return one == state || other == state; };
  // One part may wait for its turn while another is over.
  if (either(TaskState::in_progress) || either(TaskState::waiting)) return TaskState::in_progress;
  return either(TaskState::cancelled) ? TaskState::cancelled : TaskState::failed;
}

std::uint64_t size_of(const DeadLetterEntry& entry) { return entry.letter.event.payload().size(); }

}  // namespace

void merge(GroupStatus& group, const GroupStatus& other) {
  if (!group.paused && other.paused) group.pause_reason = other.pause_reason;
  group.required |= other.required;
  group.critical |= other.critical;
  group.paused |= other.paused;
  group.runners += other.runners;
  group.ready += other.ready;
  group.running += other.running;
  group.retrying += other.retrying;
  group.dying += other.dying;
  group.dead += other.dead;
  group.oldest = earlier(group.oldest, other.oldest);
  group.run_p99 = std::max(group.run_p99, other.run_p99);
}

void merge(GroupLife& life, const GroupLife& other) {
  std::vector<Attempt> attempts = life.attempts;
  for (const Attempt& attempt : other.attempts) {
    if (std::ranges::find(attempts, attempt) == attempts.end()) attempts.push_back(attempt);
  }
  std::ranges::sort(attempts, {},
                    [](const Attempt& each) { return std::tuple(each.time, each.number, each.node); });
  const auto letter = life.letter ? life.letter : other.letter;
  if (weight(life) < weight(other)) life = other;
  life.attempts = std::move(attempts);
  life.letter = life.state == WorkState::dead ? letter : std::nullopt;
}

void merge(TaskStatus& task, const TaskStatus& other) {
  task.state = both(task.state, other.state);
  task.total += other.total;
  task.looked_at += other.looked_at;
  task.redelivered += other.redelivered;
  task.failed += other.failed;
  task.skipped += other.skipped;
  if (task.note.empty()) task.note = other.note;
  task.order.limit =
      task.order.limit == 0 || other.order.limit == 0 ? 0 : task.order.limit + other.order.limit;
  task.order.per_second += other.order.per_second;
  task.submitted = std::min(task.submitted, other.submitted);
  task.started = earlier(task.started, other.started);
  if (task.ended && other.ended) task.ended = std::max(*task.ended, *other.ended);
  if (!task.over() || !other.ended) task.ended.reset();
}

void LetterMerge::add(std::vector<DeadLetterEntry> letters, bool more) {
  if (more && !letters.empty()) {
    const DeadLetterId last = letters.back().letter.id;
    known_until_ = known_until_ ? std::min(*known_until_, last) : last;
  }
  for (DeadLetterEntry& entry : letters) {
    const DeadLetterId id = entry.letter.id;
    letters_.try_emplace(id, std::move(entry));
  }
}

MeshLetterPage LetterMerge::page(std::size_t limit, std::uint64_t bytes_max) {
  MeshLetterPage page;
  std::uint64_t bytes = 0;
  auto entry = letters_.begin();
  for (; entry != letters_.end() && page.items.size() < limit && bytes <= bytes_max; ++entry) {
    if (known_until_ && *known_until_ < entry->first) break;
    bytes += size_of(entry->second);
    page.items.push_back(std::move(entry->second));
  }
  const bool more = entry != letters_.end() || known_until_;
  if (more && !page.items.empty()) page.next = page.items.back().letter.id;
  return page;
}

Shares::Shares(const Redelivery& order, std::size_t parts)
    : order_(order), limited_(order.limit != 0), left_(order.limit) {
  if (order.per_second > 0)
    order_.per_second = std::max(0.001, order.per_second / static_cast<double>(parts));
}

Redelivery Shares::next(std::uint64_t letters) {
  Redelivery share = order_;
  if (!limited_) return share;
  const std::uint64_t taken = std::min(left_, letters);
  left_ -= taken;
  share.limit = std::max<std::uint64_t>(1, taken);  // 0 would be all
  return share;
}

}  // namespace evmesh::bus
