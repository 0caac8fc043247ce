#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "chance.hpp"
#include "generators.hpp"

namespace evmesh::wire::test {
namespace {

using std::chrono::milliseconds;

std::uint64_t counted() { return std::max<std::uint64_t>(number(), 1); }

std::string_view piece() {
  static const std::string pool(300, 'e');
  return std::string_view(pool).substr(0, between<std::size_t>(1, 300));
}

std::string bytes(std::size_t max) {
  std::string text(between<std::size_t>(0, max), '\0');
  for (char& c : text) c = any<char>();
  return text;
}

WorkName name() { return {{id(), counted(), number()}, number(), any<std::uint32_t>()}; }
Custody custody() { return {any<std::uint32_t>(), id(), number()}; }

/// Ranges above `above`, with a gap behind it.
std::vector<NumberRange> ranges(std::uint64_t above, std::size_t count_min) {
  std::vector<NumberRange> list;
  const auto count = between<std::size_t>(count_min, 12);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t first = above + between<std::uint64_t>(2, 1000);
    above = first + between<std::uint64_t>(0, 1000);
    list.push_back({first, above});
  }
  return list;
}

GroupEntry entry(std::string bus, std::string group) {
  GroupEntry entry;
  entry.bus = std::move(bus);
  entry.group = std::move(group);
  entry.present = any<bool>();
  entry.paused = any<bool>();
  if (entry.paused && any<bool>()) entry.pause_reason = *any_text(1024);
  entry.critical = any<bool>();
  entry.version = counted();
  entry.writer = id();
  entry.retry = {any<std::uint32_t>(), milliseconds{between<std::uint64_t>(0, 1ULL << 62U)},
                 milliseconds{any<std::uint32_t>()}, *rc::gen::element(0.0, 0.25, 1.0)};
  entry.backlog_max = between<std::uint64_t>(1, 100'000'000);
  entry.backlog_bytes_max = std::max<std::uint64_t>(number(), 1'048'576);
  entry.refuse_at_backlog = any<bool>();
  return entry;
}

Groups groups() {
  std::set<std::pair<std::string, std::string>> names;
  const auto count = between<std::size_t>(1, 8);
  while (names.size() < count) names.insert({word("ab.$", 1, 3), word("ab._$-9", 1, 255)});
  Groups groups{number(), {}};
  for (const auto& [bus, group] : names) groups.entries.push_back(entry(bus, group));
  return groups;
}

Runs runs() {
  Runs runs{counted(), {}};
  for (const auto group : ascending<std::uint64_t>(20, 0, ~0ULL)) {
    runs.entries.push_back({group, between<std::uint32_t>(1, ~0U)});
  }
  return runs;
}

Credit credit() {
  Credit credit{{{0, number()}}};
  for (const auto group : ascending<std::uint64_t>(20, 1, 1ULL << 62U)) credit.entries.push_back({group, number()});
  return credit;
}

Deliver deliver() {
  Deliver deliver{between<std::uint64_t>(1, 1ULL << 62U), {}};
  const auto count = between<std::size_t>(1, 10);
  for (std::size_t i = 0; i < count; ++i) {
    deliver.deliveries.push_back(
        {name(), between<std::uint32_t>(1, ~0U), custody(), any<bool>(), any<bool>(), piece()});
  }
  return deliver;
}

Verdicts verdicts() {
  Verdicts verdicts;
  auto numbers = ascending<std::uint64_t>(10, 1, 1ULL << 62U);
  if (numbers.empty()) numbers.push_back(~0ULL);
  for (const auto number : numbers) {
    verdicts.verdicts.push_back({number, between(WorkEnding::done, WorkEnding::given_back),
                                 milliseconds{between<std::uint64_t>(0, 1ULL << 62U)}, bytes(1024)});
  }
  return verdicts;
}

Retired retired() {
  const auto through = between<std::uint64_t>(0, 1ULL << 62U);
  return {through, ranges(through, 0)};
}

WorkBeat work_beat() {
  WorkBeat beat{0, ranges(0, 0), number(), number(), number(), number()};
  beat.received = (beat.open.empty() ? 0 : beat.open.back().last) + any<std::uint16_t>();
  return beat;
}

Copy copy() {
  const auto from = between<std::uint64_t>(0, 1ULL << 62U);
  Copy copy{counted(), any<bool>(), any<bool>(), from, from + any<std::uint32_t>(), {}};
  const auto count = between<std::size_t>(0, 10);
  for (std::size_t i = 0; i < count; ++i) copy.records.push_back(piece());
  return copy;
}

Guard guard() {
  Guard guard{counted(), number(), {}};
  const auto count = between<std::uint8_t>(0, 64);
  for (std::uint8_t i = 0; i < count; ++i) {
    guard.guardians.push_back(id());
    guard.guardians.back().bytes[0] = i;
  }
  return guard;
}

Adopted adopted() {
  Adopted adopted{id(), counted(), number(), number(), between<std::uint32_t>(1, ~0U), any<bool>(), {}};
  for (const auto group : ascending<std::uint64_t>(10, 0, ~0ULL)) adopted.groups.push_back({group, ranges(0, 1)});
  adopted.letters = any<bool>();
  return adopted;
}

std::vector<StateEntry> states() {
  std::vector<StateEntry> states;
  const auto count = between<std::size_t>(0, 10);
  for (std::size_t i = 0; i < count; ++i) {
    states.push_back({name(), between(WorkState::queued, WorkState::let_go), any<std::uint32_t>(), bytes(1024)});
  }
  return states;
}

Reply reply() {
  const auto parts = between<std::uint32_t>(1, 1024);
  return {counted(), any<std::uint16_t>(), between<std::uint32_t>(0, parts - 1), parts, bytes(2000)};
}

}  // namespace

Body work_body(std::size_t index) {
  switch (index) {
    case 0: return groups();
    case 1: return GroupsAck{counted()};
    case 2: return runs();
    case 3: return credit();
    case 4: return deliver();
    case 5: return verdicts();
    case 6: return retired();
    case 7: return work_beat();
    case 8: return Query{ranges(0, 1)};
    case 9: return Unknown{ranges(0, 1)};
    case 10: return copy();
    case 11: return Copied{counted(), number()};
    case 12: return guard();
    case 13: return adopted();
    case 14: return AdoptedAnswer{id(), counted(), any<bool>(), states()};
    case 15: return Claim{counted()};
    case 16: return ClaimAnswer{counted(), number(), number(), any<bool>(), states()};
    case 17: return Stale{name(), custody()};
    case 18: return Ask{counted(), *any_text(64), bytes(2000)};
    default: return reply();
  }
}

}  // namespace evmesh::wire::test
