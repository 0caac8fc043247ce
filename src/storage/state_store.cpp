#include "storage/state_store.hpp"

#include <algorithm>
#include <utility>

#include "base/limits.hpp"
#include "storage/state_rows.hpp"

namespace evmesh::storage {

namespace {

constexpr std::uint64_t format_version = 2;

/// More than this is not read whole at open, but in slices by `scrub`.
constexpr std::uint64_t letters_at_open_max = 2'000;
constexpr std::uint64_t bytes_at_open_max = 4 * limits::mib;

constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS meta (only INTEGER PRIMARY KEY CHECK (only = 1), format INTEGER, version INTEGER, sum INTEGER);"
    "CREATE TABLE IF NOT EXISTS letters (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB UNIQUE, bus BLOB, grp BLOB,"
    " event_id BLOB, type BLOB, time INTEGER, about BLOB, history BLOB, event BLOB, sum INTEGER);"
    "CREATE INDEX IF NOT EXISTS letters_group ON letters (grp, number);"
    "CREATE INDEX IF NOT EXISTS letters_event ON letters (event_id);"
    "CREATE INDEX IF NOT EXISTS letters_type ON letters (type, number);"
    "CREATE INDEX IF NOT EXISTS letters_time ON letters (time);"
    "CREATE TABLE IF NOT EXISTS held (bus BLOB, grp BLOB, letters INTEGER, bytes INTEGER, sum INTEGER,"
    " PRIMARY KEY (bus, grp));"
    "CREATE TABLE IF NOT EXISTS documents (kind BLOB, name BLOB, body BLOB, sum INTEGER, PRIMARY KEY (kind, name));";

/// What is told of a letter that is removed.
LetterRow going_row(const Statement& row) {
  LetterRow letter;
  letter.number = row.number(4);
  letter.bus = row.bytes(0);
  letter.group = row.bytes(1);
  letter.history = row.bytes(6);
  const std::string_view id = row.bytes(5);
  std::copy_n(id.begin(), std::min(id.size(), letter.id.bytes.size()), letter.id.bytes.begin());
  return letter;
}

}  // namespace

StateStore::StateStore(Database database, Witness witness)
    : database_(std::move(database)), witness_(std::move(witness)) {}

Result<StateStore> StateStore::open(const std::filesystem::path& directory) {
  const bool in_memory = directory.empty();
  auto witness = in_memory ? Witness::none() : Witness::open(directory / "state.witness");
  if (!witness) return tl::unexpected(witness.error());
  auto database = Database::open(in_memory ? ":memory:" : directory / "state.db");
  if (!database) return tl::unexpected(database.error());
  StateStore store(std::move(*database), std::move(*witness));
  auto sound = store.prepare();
  if (sound) sound = store.check_witness();
  if (sound) sound = store.format_ == 1 ? store.migrate() : store.verify_at_open();
  if (!sound) return tl::unexpected(sound.error());
  return store;
}

/// All of it when that is little. Else the counts and the documents: each letter is verified when it is read,
/// and all of them by `scrub`.
Result<void> StateStore::verify_at_open() {
  if (auto read = read_held(); !read) return read;
  Held all;
  for (const auto& [place, held] : held_) {
    all.letters += held.letters;
    all.bytes += held.bytes;
  }
  if (all.letters <= letters_at_open_max && all.bytes <= bytes_at_open_max) return verify();
  return sum_of_rest().map([](std::uint64_t) {});
}

/// Format 1 did not say how many letters there are: they are all verified and counted, once.
Result<void> StateStore::migrate() {
  if (auto sound = verify(); !sound) return sound;
  auto counted = query("SELECT bus, grp, length(event) + length(history) + length(about) FROM letters WHERE", {},
                       [&](const Statement& row) -> Result<void> {
                         Held& held = held_of(row.bytes(0), row.bytes(1));
                         held.letters += 1;
                         held.bytes += row.number(2);
                         return {};
                       });
  if (!counted) return counted;
  format_ = format_version;
  return commit([&](Witness::Mark&) { return database_.execute("UPDATE meta SET format = 2"); });
}

Error StateStore::damaged(std::string_view what) const {
  return {ErrorCode::storage, database_.file().string() + ": " + std::string(what) +
                                  "; `evmesh journal check` tells what can be read and exports it"};
}

Result<void> StateStore::prepare() {
  if (auto made = database_.execute(schema); !made) return made;
  const auto known = read_meta();
  if (!known) return tl::unexpected(known.error());
  if (*known) return {};
  format_ = format_version;
  return database_.execute("INSERT INTO meta VALUES (1, 2, 0, 0)");
}

/// False when nothing was said yet.
Result<bool> StateStore::read_meta() {
  auto meta = database_.prepare("SELECT format, version, sum FROM meta");
  if (!meta) return tl::unexpected(meta.error());
  auto row = meta->step();
  if (!row || !*row) return row;
  if (meta->number(0) > format_version) {
    return tl::unexpected(Error{ErrorCode::storage, database_.file().string() + " was written by a newer evmesh (format " +
                                                        std::to_string(meta->number(0)) + "); use that version"});
  }
  format_ = meta->number(0);
  mark_ = {meta->number(1), meta->number(2)};
  return true;
}

/// The witness may be one change behind: it is written after the commit.
Result<void> StateStore::check_witness() const {
  const auto& seen = witness_.mark();
  if (!seen || seen->version < mark_.version || *seen == mark_) return {};
  return tl::unexpected(damaged("is older than this node remembers (version " + std::to_string(mark_.version) + ", was " +
                                std::to_string(seen->version) + "): changes were lost, or an old copy was put back"));
}

/// To be changed in a commit, which says it in the table then.
StateStore::Held& StateStore::held_of(std::string_view bus, std::string_view group) {
  std::pair place{std::string(bus), std::string(group)};
  Held& held = held_[place];
  held_before_.try_emplace(std::move(place), held);
  return held;
}

void StateStore::hold(const LetterRow& letter) {
  Held& held = held_of(letter.bus, letter.group);
  held.letters += 1;
  held.bytes += rows::size_of(letter);
}

/// A row of bus, group, size, sum and number that is about to go.
void StateStore::release(const Statement& row, Witness::Mark& mark) {
  Held& held = held_of(row.bytes(0), row.bytes(1));
  held.letters -= std::min<std::uint64_t>(held.letters, 1);
  held.bytes -= std::min(held.bytes, row.number(2));
  mark.sum -= row.number(3);
  if (row.number(4) <= scrubbed_.number) scrubbed_.sum -= row.number(3);
}

/// What the commit changed of the counts, in their table.
Result<void> StateStore::say_held(Witness::Mark& mark) {
  for (const auto& [place, before] : std::exchange(held_before_, {})) {
    const auto& [bus, group] = place;
    if (before.letters > 0) mark.sum -= rows::sum_of_held(bus, group, before);
    const Held now = held_.at(place);
    const bool gone = now.letters == 0;
    auto say = database_.prepare(gone ? "DELETE FROM held WHERE bus = ? AND grp = ?"
                                      : "INSERT OR REPLACE INTO held (bus, grp, letters, bytes, sum) VALUES (?, ?, ?, ?, ?)");
    if (!say) return tl::unexpected(say.error());
    say->bind(1, bus).bind(2, group);
    if (gone) {
      held_.erase(place);
    } else {
      const std::uint64_t sum = rows::sum_of_held(bus, group, now);
      mark.sum += sum;
      say->bind_number(3, now.letters).bind_number(4, now.bytes).bind_number(5, sum);
    }
    if (auto said = say->run(); !said) return said;
  }
  return {};
}

/// Does `work(mark)` as one commit, of which the witness learns before this returns. Nothing else is known after an error.
template <class Work>
Result<void> StateStore::commit(const Work& work) {
  if (failed_) return tl::unexpected(*failed_);
  Witness::Mark mark = mark_;
  const auto all = [&]() -> Result<void> {
    if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
    if (auto done = work(mark); !done) return done;
    if (auto said = say_held(mark); !said) return said;
    mark.version += 1;
    auto meta = database_.prepare("UPDATE meta SET version = ?, sum = ?");
    if (!meta) return tl::unexpected(meta.error());
    if (auto kept = meta->bind_number(1, mark.version).bind_number(2, mark.sum).run(); !kept) return kept;
    if (auto committed = database_.execute("COMMIT"); !committed) return committed;
    return witness_.keep(mark);
  };
  auto done = all();
  if (done) {
    mark_ = mark;
  } else {
    failed_ = done.error();
  }
  return done;
}

Result<std::uint64_t> StateStore::put(std::span<const LetterRow> letters) {
  const auto before = last_number();
  if (!before) return before;
  std::uint64_t last = *before;
  auto done = commit([&](Witness::Mark& mark) { return insert(letters, last, mark); });
  if (!done) return tl::unexpected(done.error());
  return last - *before;
}

/// Behind number `last`, which moves on.
Result<void> StateStore::insert(std::span<const LetterRow> letters, std::uint64_t& last, Witness::Mark& mark) {
  auto insert = database_.prepare("INSERT INTO letters (" + std::string(rows::letter_columns) +
                                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");
  if (!insert) return tl::unexpected(insert.error());
  for (LetterRow letter : letters) {
    letter.number = last + 1;
    const std::uint64_t sum = rows::sum_of(letter);
    insert->bind_number(1, letter.number).bind(2, rows::bytes_of(letter.id)).bind(3, letter.bus).bind(4, letter.group);
    insert->bind(5, rows::bytes_of(letter.event_id)).bind(6, letter.type).bind_number(7, rows::number_of(letter.time));
    insert->bind(8, letter.about).bind(9, letter.history).bind(10, letter.event).bind_number(11, sum);
    if (auto inserted = insert->run(); !inserted) return inserted;
    if (database_.changes() == 0) continue;  // there already
    last = letter.number;
    mark.sum += sum;
    hold(letter);
  }
  return {};
}

Result<std::uint64_t> StateStore::remove_some(const LetterFilter& filter, Witness::Mark& mark,
                                              const OnRemoved& said) {
  std::uint64_t removed = 0;
  const std::string going = "SELECT bus, grp, length(event) + length(history) + length(about), sum, number" +
                            std::string(said ? ", id, history" : "") + " FROM letters WHERE";
  auto counted = query(going, filter, [&](const Statement& row) -> Result<void> {
    release(row, mark);
    ++removed;
    if (said) said(going_row(row));
    return {};
  });
  if (counted && removed > 0) {
    counted = query("DELETE FROM letters WHERE", filter, [](const Statement&) -> Result<void> { return {}; });
  }
  if (!counted) return tl::unexpected(counted.error());
  return removed;
}

Result<std::uint64_t> StateStore::remove(const LetterFilter& filter, const OnRemoved& said) {
  std::uint64_t removed = 0;
  auto done = commit([&](Witness::Mark& mark) -> Result<void> {
    return remove_some(filter, mark, said).map([&](std::uint64_t some) { removed = some; });
  });
  if (!done) return tl::unexpected(done.error());
  return removed;
}

Result<std::uint64_t> StateStore::remove(std::span<const DeadLetterId> ids, const OnRemoved& said) {
  std::uint64_t removed = 0;
  auto done = commit([&](Witness::Mark& mark) -> Result<void> {
    for (const DeadLetterId& id : ids) {
      const auto some = remove_some({.id = id}, mark, said);
      if (!some) return tl::unexpected(some.error());
      removed += *some;
    }
    return {};
  });
  if (!done) return tl::unexpected(done.error());
  return removed;
}

/// What is kept under a name now, taken out of the sum.
Result<void> StateStore::erase_document(std::string_view kind, std::string_view name, Witness::Mark& mark) {
  auto old = database_.prepare("DELETE FROM documents WHERE kind = ? AND name = ? RETURNING sum");
  if (!old) return tl::unexpected(old.error());
  old->bind(1, kind).bind(2, name);
  auto row = old->step();
  if (!row) return tl::unexpected(row.error());
  if (*row) mark.sum -= old->number(0);
  return {};
}

Result<void> StateStore::put(std::string_view kind, std::string_view name, std::string_view body) {
  return commit([&](Witness::Mark& mark) -> Result<void> {
    if (auto erased = erase_document(kind, name, mark); !erased) return erased;
    auto insert = database_.prepare("INSERT INTO documents VALUES (?, ?, ?, ?)");
    if (!insert) return tl::unexpected(insert.error());
    const std::uint64_t sum = rows::sum_of_document(kind, name, body);
    mark.sum += sum;
    return insert->bind(1, kind).bind(2, name).bind(3, body).bind_number(4, sum).run();
  });
}

Result<void> StateStore::erase(std::string_view kind, std::string_view name) {
  return commit([&](Witness::Mark& mark) { return erase_document(kind, name, mark); });
}

}  // namespace evmesh::storage
