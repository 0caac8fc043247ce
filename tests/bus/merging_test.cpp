#include "bus/merging.hpp"

#include <set>

#include <rapidcheck.h>
#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus;
using namespace evmesh::bus::test;

namespace {

DeadLetterEntry letter(int number) {
  DeadLetterId id;
  id.bytes[14] = static_cast<std::uint8_t>(number / 256);
  id.bytes[15] = static_cast<std::uint8_t>(number % 256);
  return {DeadLetter{id, group("index"), sample(), {}, {}}, "events", 0, {}, 0, {}};
}

int number_of(const DeadLetterEntry& entry) {
  return entry.letter.id.bytes[14] * 256 + entry.letter.id.bytes[15];
}

GroupLife life(WorkState state, std::uint32_t returns, std::vector<Attempt> attempts = {}) {
  GroupLife made{.dispatch = {}, .bus = "events", .group = group("index"), .attempts = std::move(attempts)};
  made.state = state;
  made.returns = returns;
  return made;
}

WorkState merged(GroupLife one, const GroupLife& other) {
  GroupLife turned = other;
  merge(turned, one);
  merge(one, other);
  CHECK(one.state == turned.state);
  return one.state;
}

TaskState merged(TaskState one, TaskState other) {
  TaskStatus task, second;
  task.state = one;
  second.state = other;
  merge(task, second);
  return task.state;
}

}  // namespace

TEST_CASE("what two nodes say of a group is added up", "[bus][merging]") {
  GroupStatus one{"events", group("index"), true, 1, false, false, {}, 1, 2, 3, 4, 5, Timestamp{20us}};
  const GroupStatus other{"events", group("index"), false, 2, true, true, "moved", 10, 20, 30, 40,
                          50,       Timestamp{10us}};

  merge(one, other);

  CHECK(one.required);
  CHECK(one.critical);
  CHECK(one.paused);
  CHECK(one.pause_reason == "moved");
  CHECK(one.runners == 3);
  CHECK(one.ready == 11);
  CHECK(one.running == 22);
  CHECK(one.retrying == 33);
  CHECK(one.dying == 44);
  CHECK(one.dead == 55);
  CHECK(one.oldest == Timestamp{10us});
}

TEST_CASE("of what two nodes say of an event in a group the state that settles most holds",
          "[bus][merging]") {
  CHECK(merged(life(WorkState::done, 0), life(WorkState::dead, 3)) == WorkState::done);
  CHECK(merged(life(WorkState::dead, 0), life(WorkState::ready, 1)) == WorkState::ready);
  CHECK(merged(life(WorkState::dead, 1), life(WorkState::running, 1)) == WorkState::dead);
  CHECK(merged(life(WorkState::dead, 1), life(WorkState::cancelled, 1)) == WorkState::cancelled);
  CHECK(merged(life(WorkState::running, 0), life(WorkState::ready, 0)) == WorkState::running);
}

TEST_CASE("the failed attempts of all nodes stand together, each once", "[bus][merging]") {
  const Attempt first{1, Timestamp{1us}, {}, "a"}, second{2, Timestamp{2us}, {}, "b"},
      other{1, Timestamp{3us}, {}, "c"};
  GroupLife one = life(WorkState::running, 0, {first, other});

  merge(one, life(WorkState::done, 0, {first, second}));

  CHECK(one.attempts == std::vector<Attempt>{first, second, other});
}

TEST_CASE("the parts of a task add up, and it is over when all of them are", "[bus][merging]") {
  TaskStatus one, other;
  one.state = other.state = TaskState::completed;
  one.total = one.redelivered = 2;
  other.total = 3;
  other.redelivered = 2;
  other.skipped = 1;
  other.note = "said there";
  one.ended = Timestamp{5us};
  other.ended = Timestamp{9us};
  merge(one, other);

  CHECK(one.total == 5);
  CHECK(one.redelivered == 4);
  CHECK(one.skipped == 1);
  CHECK(one.note == "said there");
  CHECK(one.ended == Timestamp{9us});
  CHECK(merged(TaskState::completed, TaskState::in_progress) == TaskState::in_progress);
  CHECK(merged(TaskState::waiting, TaskState::completed) == TaskState::in_progress);
  CHECK(merged(TaskState::failed, TaskState::completed) == TaskState::failed);
  CHECK(merged(TaskState::cancelled, TaskState::failed) == TaskState::cancelled);
}

TEST_CASE("pages of several nodes put together show each letter once, in order, whatever the page's size",
          "[bus][merging]") {
  rc::prop("paging", [] {
    const auto numbers = *rc::gen::container<std::vector<std::vector<int>>>(
        rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 60)));
    std::vector<std::set<int>> nodes;
    for (const auto& node : numbers) nodes.emplace_back(node.begin(), node.end());
    const auto limit = *rc::gen::inRange<std::size_t>(1, 8);
    std::set<int> all;
    for (const auto& node : nodes) all.insert(node.begin(), node.end());

    std::vector<int> seen;
    std::optional<DeadLetterId> after = DeadLetterId{};
    for (int pages = 0; after; ++pages) {
      RC_ASSERT(pages < 100);
      LetterMerge merge;
      for (const auto& node : nodes) {
        std::vector<DeadLetterEntry> items;
        bool more = false;
        for (const int number : node) {
          DeadLetterEntry entry = letter(number);
          if (entry.letter.id <= *after) continue;
          if (items.size() == limit) {
            more = true;
            break;
          }
          items.push_back(std::move(entry));
        }
        merge.add(std::move(items), more);
      }
      const MeshLetterPage page = merge.page(limit, 1 << 20);
      RC_ASSERT(page.items.size() <= limit);
      for (const DeadLetterEntry& entry : page.items) seen.push_back(number_of(entry));
      after = page.next;
    }
    RC_ASSERT(seen == std::vector<int>(all.begin(), all.end()));
  });
}

TEST_CASE("a limit and a rate are shared out among the parts of a task", "[bus][merging]") {
  Redelivery order;
  order.limit = 5;
  order.per_second = 90;
  Shares shares(order, 3);

  CHECK(shares.next(2).limit == 2);
  CHECK_FALSE(shares.empty());
  const Redelivery last = shares.next(9);
  CHECK(last.limit == 3);
  CHECK(last.per_second == 30);
  CHECK(shares.empty());
  CHECK(Shares({}, 3).next(7).limit == 0);
  CHECK(Shares(order, 3).next(0).limit == 1);
}
