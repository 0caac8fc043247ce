#include "bus/letter_box.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "bus/outgoing_event.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::bus {

namespace {

/// Attempts and dispatch id in the form in which the journal says them.
std::string history_of(const Letter& letter, const EventId& event_id) {
  storage::OwedGroup group;
  group.name = letter.group;
  group.generation = letter.generation;
  group.doubt = letter.doubt;
  group.letter = letter.id;
  for (const Attempt& attempt : letter.attempts) {
    group.history.push_back({attempt.number, attempt.time, attempt.node, attempt.error});
  }
  std::string history;
  storage::encode_record(storage::Owed{letter.dispatch, event_id, letter.accepted, letter.bus, {group}, {}},
                         NodeId{}, history);
  return history;
}

/// What a text filter looks at: who, where and why.
std::string about(const wire::ReceivedEvent& event, const Letter& letter) {
  std::string text = event.event.type() + '\n' + event.event.user();
  for (const RegistrationKey& key : event.keys) text += '\n' + key.to_string();
  for (const Attempt& attempt : letter.attempts) text += '\n' + attempt.error;
  return text;
}

storage::LetterRow row_of(const Letter& letter) {
  storage::LetterRow row;
  row.id = letter.id;
  row.bus = letter.bus;
  row.group = letter.group;
  if (const auto event = wire::decode_event(letter.event)) {
    row.event_id = event->event.id();
    row.type = event->event.type();
    row.about = about(*event, letter);
  }
  row.time = letter.attempts.empty() ? letter.accepted : letter.attempts.back().time;
  row.history = history_of(letter, row.event_id);
  row.event = letter.event;
  return row;
}

}  // namespace

Result<Letter> letter_of(storage::LetterRow row) {
  const auto record = storage::decode_record(row.history, NodeId{});
  const auto* owed = record ? std::get_if<storage::Owed>(&*record) : nullptr;
  if (owed == nullptr || owed->groups.empty()) {
    return fail(ErrorCode::undecodable,
                "the history of dead letter " + row.id.to_string() + " cannot be read");
  }
  Letter letter;
  letter.id = row.id;
  letter.number = row.number;
  letter.event_id = row.event_id;
  letter.dispatch = owed->id;
  letter.generation = owed->groups.front().generation;
  letter.doubt = owed->groups.front().doubt;
  letter.bus = std::move(row.bus);
  letter.group = std::move(row.group);
  letter.accepted = owed->time;
  for (const storage::PastAttempt& past : owed->groups.front().history) {
    letter.attempts.push_back({past.number, past.time, past.node, std::string(past.error)});
  }
  letter.event = std::move(row.event);
  return letter;
}

Result<std::unique_ptr<LetterBox>> LetterBox::open(const std::filesystem::path& directory,
                                                   base::Counters& counters, std::uint64_t bytes_max) {
  auto store = storage::StateStore::open(directory);
  if (!store) return tl::unexpected(store.error());
  return std::unique_ptr<LetterBox>(new LetterBox(std::move(*store), directory, counters, bytes_max));
}

LetterBox::LetterBox(storage::StateStore store, std::filesystem::path directory, base::Counters& counters,
                     std::uint64_t bytes_max)
    : directory_(std::move(directory)),
      bytes_max_(bytes_max),
      store_(std::move(store)),
      kept_(counters.named("evmesh_dead_letters_total")),
      removed_(counters.named("evmesh_dead_letters_removed_total")),
      exported_(counters.named("evmesh_dead_letters_exported_total")) {}

/// Under mutex_.
storage::StateStore::Held LetterBox::all() const {
  storage::StateStore::Held all;
  for (const auto& [place, held] : store_.held()) {
    all.letters += held.letters;
    all.bytes += held.bytes;
  }
  return all;
}

/// Under mutex_. What has no room stays owed, and is tried again later.
Result<void> LetterBox::check_room(std::span<const storage::LetterRow> rows) const {
  if (!in_memory()) return {};
  storage::StateStore::Held all = this->all();
  for (const storage::LetterRow& row : rows) all.bytes += row.event.size();
  if (all.letters + rows.size() <= limits::memory_dead_letters_max &&
      all.bytes <= limits::memory_dead_letters_bytes_max) {
    return {};
  }
  return fail(ErrorCode::storage, "no room for more than " + std::to_string(all.letters) +
                                      " dead letters in memory; remove some, or give the node a data_dir");
}

Result<std::uint64_t> LetterBox::keep(std::span<const Letter> letters) {
  std::vector<storage::LetterRow> rows;
  rows.reserve(letters.size());
  for (const Letter& letter : letters) rows.push_back(row_of(letter));
  const std::lock_guard lock(mutex_);
  if (auto room = check_room(rows); !room) return tl::unexpected(room.error());
  auto stored = store_.put(rows);
  if (stored) kept_.add(*stored);
  if (stored && *stored > 0) grown_ = {rows.back().bus, rows.back().group};
  return stored;
}

Result<bool> LetterBox::scrub(std::uint64_t bytes) {
  if (in_memory()) return true;
  const std::lock_guard lock(mutex_);
  return store_.scrub(bytes);
}

/// What removed letters were the letters of, where somebody is told of that.
storage::StateStore::OnRemoved LetterBox::into(std::vector<Left>& left) const {
  if (!told_) return {};
  return [&left](const storage::LetterRow& row) {
    const auto letter = letter_of(row);
    if (!letter) return;
    left.push_back({letter->id,
                    {letter->dispatch, storage::group_hash(letter->bus, letter->group), letter->generation}});
  };
}

template <class Which>
Result<std::uint64_t> LetterBox::remove_those(const Which& which) {
  std::vector<Left> left;
  Result<std::uint64_t> removed;
  {
    const std::lock_guard lock(mutex_);
    removed = store_.remove(which, into(left));
    if (removed) removed_.add(*removed);
  }
  if (removed && !left.empty()) told_(left);
  return removed;
}

Result<std::uint64_t> LetterBox::remove(const Filter& filter) { return remove_those(filter); }

Result<std::uint64_t> LetterBox::remove(std::span<const DeadLetterId> ids) { return remove_those(ids); }

Result<std::uint64_t> LetterBox::start_of_newest(std::uint64_t letters, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  return store_.start_of_newest(letters, bytes);
}

Result<std::vector<storage::LetterPlace>> LetterBox::places(const Filter& filter, std::uint64_t after,
                                                            std::size_t limit) {
  const std::lock_guard lock(mutex_);
  return store_.places(filter, after, limit);
}

Result<std::uint64_t> LetterBox::last_number() {
  const std::lock_guard lock(mutex_);
  return store_.last_number();
}

Result<std::vector<Letter>> LetterBox::page(const Filter& filter, std::uint64_t after, std::size_t limit,
                                            std::uint64_t bytes_max) {
  Result<std::vector<storage::LetterRow>> rows;
  {
    const std::lock_guard lock(mutex_);
    rows = store_.page(filter, after, limit, bytes_max);
  }
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Letter> letters;
  for (storage::LetterRow& row : *rows) {
    auto letter = letter_of(std::move(row));
    if (!letter) return tl::unexpected(letter.error());
    letters.push_back(std::move(*letter));
  }
  return letters;
}

Result<std::optional<Letter>> LetterBox::find(const DeadLetterId& id) {
  auto found = page({.id = id}, 0, 1);
  if (!found) return tl::unexpected(found.error());
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

Result<std::uint64_t> LetterBox::count(const Filter& filter) {
  const std::lock_guard lock(mutex_);
  return store_.count(filter);
}

LetterBox::Held LetterBox::held() const {
  const std::lock_guard lock(mutex_);
  return store_.held();
}

storage::StateStore::Held LetterBox::held_in_all() const {
  const std::lock_guard lock(mutex_);
  return all();
}

Result<void> LetterBox::put(std::string_view kind, std::string_view name, std::string_view body) {
  const std::lock_guard lock(mutex_);
  return store_.put(kind, name, body);
}

Result<void> LetterBox::erase(std::string_view kind, std::string_view name) {
  const std::lock_guard lock(mutex_);
  return store_.erase(kind, name);
}

Result<std::map<std::string, std::string>> LetterBox::documents(std::string_view kind) {
  const std::lock_guard lock(mutex_);
  return store_.documents(kind);
}

DispatchId dispatch_of_unaccepted(const DeadLetterId& letter) {
  DispatchId dispatch{{}, 1, 0};
  for (std::size_t at = 8; at < 16; ++at) dispatch.seq = dispatch.seq << 8 | letter.bytes[at];
  return dispatch;
}

Result<DeadLetter> to_dead_letter(const Letter& letter) {
  auto event = wire::decode_event(letter.event);
  auto group = Group::parse(letter.group);
  if (!event || !group)
    return fail(ErrorCode::undecodable, "dead letter " + letter.id.to_string() + " cannot be read");
  return DeadLetter{letter.id, std::move(*group), std::move(event->event), std::move(event->keys),
                    letter.attempts};
}

Result<DeadLetterId> BusDeadLetters::store(const Group& group, const Event& event,
                                           std::vector<RegistrationKey> keys, std::vector<Attempt> attempts) {
  Letter letter;
  letter.id = DeadLetterId::fresh();
  letter.dispatch = dispatch_of_unaccepted(letter.id);
  letter.bus = bus_;
  letter.group = group.to_string();
  letter.accepted = event.time();
  letter.attempts = std::move(attempts);
  const auto sent = with_payload(event, PayloadFormat::binary, limits::event_size_bytes_max);
  if (!sent) return tl::unexpected(sent.error());
  wire::encode_event(*sent, keys, PayloadFormat::binary, letter.event);
  if (auto kept = box_.keep({&letter, 1}); !kept) return tl::unexpected(kept.error());
  return letter.id;
}

Result<bool> BusDeadLetters::remove(const Group& group, const DeadLetterId& id) {
  return box_.remove({.id = id, .bus = bus_, .group = group.to_string()}).map([](std::uint64_t gone) {
    return gone > 0;
  });
}

Result<std::uint64_t> BusDeadLetters::remove(const Group& group) {
  return box_.remove({.bus = bus_, .group = group.to_string()});
}

Result<std::optional<DeadLetter>> BusDeadLetters::find(const Group& group, const DeadLetterId& id) const {
  auto letter = box_.find(id);
  if (!letter) return tl::unexpected(letter.error());
  if (!*letter || (*letter)->bus != bus_ || (*letter)->group != group.to_string()) return std::nullopt;
  return to_dead_letter(**letter).map([](DeadLetter found) { return std::optional(std::move(found)); });
}

Result<std::vector<DeadLetterId>> BusDeadLetters::ids(const Group& group) const {
  constexpr std::size_t page = 1'000;
  std::vector<DeadLetterId> ids;
  for (std::uint64_t after = 0;;) {
    auto letters = box_.page({.bus = bus_, .group = group.to_string()}, after, page);
    if (!letters) return tl::unexpected(letters.error());
    for (const Letter& letter : *letters) ids.push_back(letter.id);
    if (letters->size() < page) return ids;
    after = letters->back().number;
  }
}

Result<std::vector<Group>> BusDeadLetters::groups() const {
  std::vector<Group> groups;
  for (const auto& [place, held] : box_.held()) {
    if (place.first != bus_) continue;
    if (auto group = Group::parse(place.second)) groups.push_back(std::move(*group));
  }
  return groups;
}

Result<bool> BusDeadLetters::empty() const {
  return groups().map([](const auto& groups) { return groups.empty(); });
}

}  // namespace evmesh::bus

namespace evmesh {

DeadLetterId DeadLetterId::fresh() { return {Uuid(EventId::fresh())}; }

Result<DeadLetterId> DeadLetterId::parse(std::string_view text) {
  auto uuid = Uuid::parse(text);
  if (!uuid) return tl::unexpected(std::move(uuid.error()));
  return DeadLetterId{*uuid};
}

}  // namespace evmesh
