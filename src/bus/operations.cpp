#include "bus/operations.hpp"

#include <algorithm>
#include <optional>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/letter_json.hpp"

namespace evmesh::bus {

namespace {

constexpr std::size_t page_max = 1'000;
constexpr std::uint64_t page_bytes_max = 16 * limits::mib;
constexpr std::size_t import_bytes_max = 64 * limits::mib;
constexpr std::size_t import_lines_max = 1'000;
constexpr std::chrono::hours wait_max{1};

Error unknown_group(std::string_view bus, const Group& group) {
  return {ErrorCode::unknown_group,
          "bus " + base::quoted(bus) + " does not know group " + base::quoted(group.to_string())};
}

Result<void> check_wait(std::chrono::milliseconds timeout) {
  if (timeout.count() >= 0 && timeout <= wait_max) return {};
  return fail(ErrorCode::invalid_argument,
              "a timeout of " + std::to_string(timeout.count()) + " ms; it must be 0 to 3,600,000");
}

Result<void> check_limit(std::size_t limit) {
  if (limit >= 1 && limit <= page_max) return {};
  return fail(ErrorCode::invalid_argument,
              "a page of " + std::to_string(limit) + " letters; it must have 1 to 1,000");
}

GroupStatus empty_status(const std::string& bus, const Group& group) {
  return {bus, group, false, 0, true, false, {}, 0, 0, 0, 0, 0, {}, {}};
}

void count(const work::GroupCounts& counts, GroupStatus& status) {
  status.ready = counts.ready;
  status.running = counts.running;
  status.retrying = counts.retrying;
  status.dying = counts.burying;
  status.oldest = counts.oldest;
}

/// What stands in the way of one letter only, and what passes.
bool passes(ErrorCode code) {
  return code == ErrorCode::back_pressure || code == ErrorCode::busy || code == ErrorCode::disk_full ||
         code == ErrorCode::closed || code == ErrorCode::node_failed;
}

}  // namespace

Operations::Operations(Services services)
    : services_(std::move(services)),
      tasks_({services_.clock, services_.pool, services_.timers, services_.work.letters(), services_.log,
              [this](std::span<const std::uint64_t> numbers) { return redeliver_letters(numbers); }}) {}

Result<Bus*> Operations::bus_of(std::string_view name) const {
  std::string names;
  for (const auto& bus : services_.buses) {
    if (bus->name() == name) return bus.get();
    names += (names.empty() ? "" : ", ") + base::quoted(bus->name());
  }
  return fail(ErrorCode::invalid_argument, "no bus is called " + base::quoted(name) + "; there are " + names);
}

// Groups.

Operations::Statuses Operations::statuses() const {
  Statuses statuses;
  const auto at = [&](const std::string& bus, const Group& group) -> GroupStatus& {
    const auto fresh = statuses.try_emplace({bus, group.to_string()}, empty_status(bus, group));
    return fresh.first->second;
  };
  for (const auto& bus : services_.buses) {
    for (const Bus::GroupPlace& place : bus->group_places()) {
      GroupStatus& status = at(bus->name(), place.group);
      status.required = true;
      status.runners = place.runs ? 1 : 0;
      status.run_p99 = place.run_p99;
      status.critical = place.critical;
      status.paused = place.paused.has_value();
      status.pause_reason = place.paused.value_or("");
    }
  }
  for (const WorkEngine::GroupView& view : services_.work.groups()) {
    const std::uint64_t owed =
        view.counts.ready + view.counts.running + view.counts.retrying + view.counts.burying;
    const bool listed = statuses.count({view.name.bus, view.name.group.to_string()}) != 0;
    if (owed > 0 || listed) count(view.counts, at(view.name.bus, view.name.group));
  }
  for (const auto& [place, held] : services_.work.letters().held()) {
    if (const auto group = Group::parse(place.second)) at(place.first, *group).dead = held.letters;
  }
  return statuses;
}

Result<std::vector<GroupStatus>> Operations::groups() const {
  std::vector<GroupStatus> groups;
  for (auto& [place, status] : statuses()) groups.push_back(status);
  return groups;
}

Result<GroupStatus> Operations::group(std::string_view bus, const Group& group) const {
  if (auto found = bus_of(bus); !found) return tl::unexpected(found.error());
  const Statuses all = statuses();
  const auto found = all.find({std::string(bus), group.to_string()});
  if (found == all.end()) return tl::unexpected(unknown_group(bus, group));
  return found->second;
}

Result<GroupStatus> Operations::pause(std::string_view bus, const Group& group, std::string reason) {
  const auto found = bus_of(bus);
  if (!found) return tl::unexpected(found.error());
  if (reason.size() > limits::pause_reason_bytes_max || !base::valid_utf8(reason)) {
    return fail(ErrorCode::invalid_argument, "the reason has " + std::to_string(reason.size()) +
                                                 " bytes; it must be UTF-8 and have at most 1,024");
  }
  if (auto paused = (*found)->pause_group(group, std::move(reason)); !paused)
    return tl::unexpected(paused.error());
  return this->group(bus, group);
}

Result<GroupStatus> Operations::resume(std::string_view bus, const Group& group) {
  const auto found = bus_of(bus);
  if (!found) return tl::unexpected(found.error());
  if (auto resumed = (*found)->pause_group(group, std::nullopt); !resumed)
    return tl::unexpected(resumed.error());
  return this->group(bus, group);
}

Result<std::uint64_t> Operations::remove(std::string_view bus, const Group& group, bool cancel) {
  const auto found = bus_of(bus);
  if (!found) return tl::unexpected(found.error());
  const auto index = services_.work.find(bus, group);
  const Statuses all = statuses();
  const auto status = all.find({std::string(bus), group.to_string()});
  if (!index || status == all.end() || (!status->second.required && status->second.owed() == 0)) {
    return tl::unexpected(unknown_group(bus, group));
  }
  const std::uint64_t owed = status->second.owed();
  if (owed > 0 && !cancel) {
    return fail(ErrorCode::group_in_use, "group " + base::quoted(group.to_string()) + " is owed " +
                                             std::to_string(owed) + " events; let it run, or cancel them");
  }
  if (auto removed = (*found)->remove_group(group); !removed) return tl::unexpected(removed.error());
  return cancel ? services_.work.cancel(*index) : 0;
}

Result<std::uint64_t> Operations::release(std::string_view bus, const Group& group, bool cancel) {
  const auto found = bus_of(bus);
  if (!found) return tl::unexpected(found.error());
  if (auto free = (*found)->check_no_listener(group); !free) return tl::unexpected(free.error());
  const auto index = services_.work.find(bus, group);
  if (!index) return tl::unexpected(unknown_group(bus, group));
  return cancel ? services_.work.cancel(*index) : 0;
}

// Dead letters.

Result<DeadLetterPage> Operations::dead_letters(const DeadLetterFilter& filter, std::uint64_t after,
                                                std::size_t limit) const {
  if (auto good = check_limit(limit); !good) return tl::unexpected(good.error());
  const auto letters = services_.work.letters().page(rows_of(filter), after, limit, page_bytes_max);
  if (!letters) return tl::unexpected(letters.error());
  DeadLetterPage page;
  for (const Letter& letter : *letters) {
    auto entry = to_entry(letter);
    if (!entry) return tl::unexpected(entry.error());
    page.items.push_back(std::move(*entry));
  }
  if (page.items.empty()) return page;
  const std::uint64_t last = page.items.back().number;
  const auto more = services_.work.letters().places(rows_of(filter), last, 1);
  if (!more) return tl::unexpected(more.error());
  if (!more->empty()) page.next = last;
  return page;
}

Result<Operations::Behind> Operations::dead_letters_behind(const DeadLetterFilter& filter,
                                                           const DeadLetterId& after, std::size_t limit,
                                                           std::uint64_t bytes_max) const {
  if (auto good = check_limit(limit); !good) return tl::unexpected(good.error());
  LetterBox::Filter rows = rows_of(filter);
  rows.behind = after;
  const auto letters = services_.work.letters().page(rows, 0, limit, bytes_max);
  if (!letters) return tl::unexpected(letters.error());
  Behind page;
  for (const Letter& letter : *letters) {
    auto entry = to_entry(letter);
    if (!entry) return tl::unexpected(entry.error());
    page.items.push_back(std::move(*entry));
  }
  if (page.items.empty()) return page;
  rows.behind = page.items.back().letter.id;
  const auto more = services_.work.letters().places(rows, 0, 1);
  if (!more) return tl::unexpected(more.error());
  page.more = !more->empty();
  return page;
}

Result<std::uint64_t> Operations::count_dead_letters(const DeadLetterFilter& filter) const {
  return services_.work.letters().count(rows_of(filter));
}

Result<DeadLetterEntry> Operations::dead_letter(const DeadLetterId& id) const {
  const auto found = services_.work.letters().find(id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return fail(ErrorCode::not_found, "no dead letter is called " + id.to_string());
  return to_entry(**found);
}

Result<std::uint64_t> Operations::remove_dead_letters(const DeadLetterFilter& filter) {
  const auto held = services_.work.hold_letters();
  return services_.work.letters().remove(rows_of(filter));
}

Result<Imported> Operations::import_dead_letters(std::string_view lines) {
  if (lines.size() > import_bytes_max) {
    return fail(ErrorCode::invalid_argument, std::to_string(lines.size()) + " bytes at once; at most " +
                                                 std::to_string(import_bytes_max) +
                                                 " can be imported together");
  }
  std::vector<Letter> letters;
  for (std::size_t number = 1; !lines.empty(); ++number) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    auto letter = read_import(line);
    if (!letter)
      return fail(letter.error().code, "line " + std::to_string(number) + ": " + letter.error().message);
    letters.push_back(std::move(*letter));
    if (letters.size() > import_lines_max)
      return fail(ErrorCode::invalid_argument, "more than 1,000 lines at once");
  }
  const auto kept = services_.work.letters().keep(letters);
  if (!kept) return tl::unexpected(kept.error());
  return Imported{letters.size(), *kept};
}

Result<Letter> Operations::read_import(std::string_view line) const {
  auto letter = letter_of_json(line);
  if (!letter) return letter;
  if (auto bus = bus_of(letter->bus); !bus) return tl::unexpected(bus.error());
  return letter;
}

// Tasks.

Result<TaskStatus> Operations::redeliver(const TaskId& id, const Redelivery& order) {
  std::vector<std::string> late;
  for (const auto& bus : services_.buses) {
    for (const Bus::GroupPlace& place : bus->group_places()) {
      if (!place.critical) late.push_back(bus->name() + '/' + place.group.to_string());
    }
  }
  return tasks_.order(id, order, std::move(late));
}

Result<TaskStatus> Operations::task(const TaskId& id) const {
  return tasks_.wait(id, std::chrono::milliseconds{0});
}

Result<TaskStatus> Operations::wait_task(const TaskId& id, std::chrono::milliseconds timeout) const {
  if (auto good = check_wait(timeout); !good) return tl::unexpected(good.error());
  return tasks_.wait(id, timeout);
}

/// While these are looked up and owed again no letter of what is owed again already leaves its store:
/// otherwise one whose event has just been handled would be owed a second time.
std::vector<Operations::Redelivered> Operations::redeliver_letters(std::span<const std::uint64_t> numbers) {
  const auto held = services_.work.hold_letters();
  std::vector<Redelivered> results;
  for (const std::uint64_t number : numbers) results.push_back(redeliver_letter(number));
  return results;
}

Operations::Redelivered Operations::redeliver_letter(std::uint64_t number) {
  using Kind = Redelivered::Kind;
  auto found = services_.work.letters().page({}, number - 1, 1);
  if (!found) return {Kind::failed, found.error().message};
  if (found->empty() || found->front().number != number) return {Kind::gone};
  Letter& letter = found->front();
  if (auto admitted = services_.work.admit(); !admitted) return {Kind::blocked, admitted.error().message};
  auto groups = groups_of(letter);
  if (!groups) return {Kind::failed, groups.error().message};
  work::Acceptance acceptance;
  acceptance.bus = letter.bus;
  acceptance.event_id = letter.event_id;
  acceptance.event = work::parcel_of(std::move(letter.event));
  acceptance.groups = std::move(*groups);
  acceptance.time = letter.accepted;
  const auto accepted = services_.work.redeliver(
      {letter.id, letter.dispatch, letter.generation, std::move(letter.attempts), letter.doubt}, acceptance);
  if (!accepted)
    return {passes(accepted.error().code) ? Kind::blocked : Kind::failed, accepted.error().message};
  return {*accepted ? Kind::owed : Kind::already};
}

/// To whom a letter is owed again. Errors: invalid_argument (no such bus), unknown_group.
Result<std::vector<work::GroupIndex>> Operations::groups_of(const Letter& letter) const {
  const auto bus = bus_of(letter.bus);
  if (!bus) return tl::unexpected(bus.error());
  const bool all = letter.group == Group::dispatching_failure(letter.bus).to_string();
  std::vector<work::GroupIndex> groups;
  for (const Bus::GroupPlace& place : (*bus)->group_places()) {
    if (all || place.group.to_string() == letter.group) groups.push_back(place.index);
  }
  if (!groups.empty()) return groups;
  return fail(ErrorCode::unknown_group,
              all ? "bus " + base::quoted(letter.bus) + " has no group to redeliver to"
                  : "nobody requires group " + base::quoted(letter.group) + " of bus " +
                        base::quoted(letter.bus) + "; register its listener first");
}

}  // namespace evmesh::bus
