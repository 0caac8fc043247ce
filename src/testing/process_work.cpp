#include <algorithm>
#include <functional>

#include "base/limits.hpp"
#include "bus/required_state.hpp"
#include "storage/records.hpp"
#include "testing/process.hpp"
#include "wire/event_codec.hpp"

// Group work over the node's disk, and which groups are required.

namespace evmesh::testing {

using namespace std::chrono_literals;
using storage::Position;

namespace {

/// About what a node keeps in its journal of what is owed no more.
constexpr std::uint64_t journal_bytes_max = 16 * limits::mib;
constexpr std::size_t page_letters = 256;
constexpr std::uint64_t page_bytes = 32 * limits::kib;

}  // namespace

work::Turn Process::now() { return {world_.now(), world_.wall(), commit_, actions_, frames_}; }

std::size_t Process::bus_index(std::string_view name) const {
  const auto& buses = world_.options.buses;
  return static_cast<std::size_t>(std::ranges::find(buses, name) - buses.begin());
}

/// As the next life of a node: what is required, what is owed, and what ran when the last one ended.
void Process::recover() {
  Disk& disk = host_.disk;
  for (const auto& [name, entry] : disk.groups) {
    core_.groups().load(entry);
    if (entry.present) group_changed(entry, true);
  }
  const auto replayed = disk.journal->replay(
      [&](Position position, std::string_view record) { return core_.replay(position, record); });
  if (!replayed) fail(replayed.error());
  for (const auto& [handle, flight] : disk.flights) disk.old_flights.push_back(flight);
  disk.flights.clear();
  written_ = synced_ = disk.journal->end();
  commit_.restart(written_);
  core_.recovered(now(), disk.old_flights);
}

void Process::turn_work() {
  const auto due = core_.next_deadline();
  if (due && *due <= world_.now()) core_.tick(now());
  core_.told(now());
  core_.pump(now(), *this);
  keep_groups();
  flush();
  send();
  perform_work();
  take_jobs();
}

void Process::send() {
  for (work::Frames frames = std::exchange(frames_, {}); work::SendFrame & frame : frames) {
    const auto link = mesh_ ? mesh_->link_of(frame.to) : std::nullopt;
    if (!link) continue;
    world_.network.send(host_.index, *link, frame.frame_class,
                        std::make_shared<const std::string>(std::move(frame.bytes)));
  }
}

// The journal.

void Process::flush() {
  if (over_) return;
  if (!commit_.empty()) {
    if (const auto appended = host_.disk.journal->append(commit_); !appended) return fail(appended.error());
    core_.appended(commit_);
    written_ = commit_.end();
    commit_.restart(written_);
    core_.written(now(), written_);
    host_.disk.old_flights.clear();
    if (world_.mono) {
      synced(written_);
    } else {
      begin_sync();
    }
  }
  land();
}

/// What has ended, and its record is written, leaves the flight table.
void Process::land() {
  std::erase_if(landing_, [&](const auto& landing) {
    if (landing.first > written_) return false;
    host_.disk.flights.erase(landing.second);
    return true;
  });
}

void Process::begin_sync() {
  if (syncing_ || synced_ == written_) return;
  syncing_ = true;
  later(world_.dice.span(50us, 400us), [this, end = written_] {
    syncing_ = false;
    synced(end);
    begin_sync();
  });
}

void Process::synced(Position end) {
  static_cast<void>(host_.disk.journal->sync());
  synced_ = end;
  core_.synced(now(), synced_);
  make_room();
}

void Process::make_room() {
  storage::Journal& journal = *host_.disk.journal;
  if (journal.end() - journal.begin() < journal_bytes_max || !commit_.empty()) return;
  core_.carry(
      journal.begin() + journal_bytes_max / 2, limits::mib, [this](Position position) { return read(position); },
      commit_);
  static_cast<void>(journal.drop(std::min(core_.oldest(), synced_)));
}

std::shared_ptr<const work::Parcel> Process::read(Position position) const {
  const auto bytes = host_.disk.journal->read(position);
  if (!bytes) return nullptr;
  const auto event = storage::event_of_record(*bytes, life_.id);
  return event ? work::parcel_of(std::string(*event)) : nullptr;
}

// What the machine asks for.

void Process::perform_work() {
  for (work::Actions actions = std::exchange(actions_, {}); const work::Action& action : actions) {
    std::visit([&](const auto& it) { perform(it); }, action);
  }
}

void Process::perform(const work::StoreLetter& it) {
  auto event = it.event && !it.event->bytes.empty() ? it.event
                                                    : read(core_.machine().position(it.handle).value_or(it.position));
  const auto store = [this, it, event] {
    const Group group = core_.machine().name(it.group).group;
    bus::Letter letter;
    letter.id = it.letter;
    letter.dispatch = it.id;
    letter.generation = it.generation;
    letter.doubt = it.doubt;
    letter.bus = it.bus;
    letter.group = group.to_string();
    letter.accepted = it.accepted;
    letter.attempts = it.attempts;
    if (event) letter.event = event->bytes;
    const auto kept = event ? host_.disk.letters->keep({&letter, 1})
                            : Result<std::uint64_t>(evmesh::fail(ErrorCode::storage, "the event cannot be read"));
    core_.machine().letter_stored(world_.now(), it.handle, kept.has_value(), commit_);
    if (!kept || *kept == 0) return;
    Happening dead{.what = What::dead, .bus = it.bus};
    if (const auto decoded = wire::decode_event(letter.event)) {
      dead.event_type = decoded->event.type();
      dead.event = decoded->event.id();
    }
    dead.name = letter.group;
    dead.origin = world_.name_of(it.id);
    dead.attempt = it.attempts.empty() ? 0 : it.attempts.back().number;
    dead.error = it.attempts.empty() ? std::string() : it.attempts.back().error;
    world_.note(host_, std::move(dead));
  };
  if (world_.mono) {
    store();
  } else {
    later(world_.dice.span(100us, 1ms), store);
  }
}

void Process::perform(const work::RemoveLetter& it) {
  later(world_.mono ? 0ns : world_.dice.span(100us, 1ms), [this, it] {
    const bool gone = host_.disk.letters->remove(std::span(&it.letter, 1)).has_value();
    core_.machine().letter_removed(world_.now(), it.handle, gone, commit_, actions_);
  });
}

void Process::perform(const work::LoadEvent& it) {
  later(world_.dice.span(10us, 100us), [this, it] {
    auto event = read(core_.machine().position(it.handle).value_or(it.position));
    core_.loaded(now(), it.handle, std::move(event), "it cannot be read");
  });
}

void Process::letter_left(const work::WorkName& name) {
  if (over_ || world_.mono) return;
  core_.machine().forget_letter(name, commit_);
  plan_turn();
}

std::optional<work::LetterPage> Process::letters_behind(std::uint64_t after) const {
  work::LetterPage page{.records = {}, .last = after, .more = false};
  const auto letters = host_.disk.letters->page({}, after, page_letters, page_bytes);
  if (!letters || letters->empty()) return page;
  page.last = letters->back().number;
  page.more = true;
  for (const bus::Letter& letter : *letters) {
    const auto copied = bus::copied(letter, life_.id);
    if (copied && !core_.machine().owes(copied->name)) page.records.push_back(copied->record);
  }
  return page;
}

// Required groups.

Result<void> Process::change_group(std::size_t bus, const Group& group,
                                   const std::function<void(wire::GroupEntry&)>& what) {
  const auto change = core_.groups().change(now(), world_.options.buses[bus], group.to_string(), what);
  if (!change) return tl::unexpected(change.error());
  keep_groups();
  plan_turn();
  return {};
}

void Process::keep_groups() {
  while (const auto next = core_.groups().next_keep()) {
    const auto name = std::pair(next->entry.bus, next->entry.group);
    if (next->erase) {
      host_.disk.groups.erase(name);
    } else {
      host_.disk.groups.insert_or_assign(name, next->entry);
    }
    if (next->change != 0) group_changed(next->entry, next->entry.writer == life_.id);
    core_.groups().kept(now(), next->change, true);
  }
}

void Process::group_changed(const wire::GroupEntry& entry, bool here) {
  const auto group = Group::parse(entry.group);
  const std::size_t bus = bus_index(entry.bus);
  if (!group || bus >= required_.size()) return;
  if (entry.present) {
    const work::GroupIndex index = core_.machine().group(entry.bus, *group, bus::policy_of(entry));
    core_.pause(now(), index, entry.paused);
    required_[bus].insert_or_assign(*group, Required{index, entry.refuse_at_backlog});
    return;
  }
  required_[bus].erase(*group);
  const auto index = core_.machine().find(entry.bus, *group);
  if (!index) return;
  core_.pause(now(), *index, false);
  if (here) return;
  core_.machine().give_up(world_.now(), world_.wall(), *index, "not run: the group was removed", commit_);
}

}  // namespace evmesh::testing
