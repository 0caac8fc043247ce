#include "storage/state_store.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.hpp"

namespace evmesh::storage {

namespace {

constexpr std::uint64_t format_version = 1;

constexpr const char* schema =
    "CREATE TABLE IF NOT EXISTS meta (only INTEGER PRIMARY KEY CHECK (only = 1), format INTEGER, version INTEGER, sum INTEGER);"
    "CREATE TABLE IF NOT EXISTS letters (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB UNIQUE, bus BLOB, grp BLOB,"
    " event_id BLOB, type BLOB, time INTEGER, about BLOB, history BLOB, event BLOB, sum INTEGER);"
    "CREATE INDEX IF NOT EXISTS letters_group ON letters (grp, number);"
    "CREATE INDEX IF NOT EXISTS letters_event ON letters (event_id);"
    "CREATE TABLE IF NOT EXISTS documents (kind BLOB, name BLOB, body BLOB, sum INTEGER, PRIMARY KEY (kind, name));";

constexpr std::string_view letter_columns = "number, id, bus, grp, event_id, type, time, about, history, event, sum";

std::string_view bytes_of(const Uuid& id) { return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}; }

std::uint64_t number_of(Timestamp time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); }

Timestamp time_of(std::uint64_t number) {
  return Timestamp{Timestamp::duration{static_cast<Timestamp::rep>(number)}};
}

/// Fields and their lengths, so that no byte can move from one field to the next unseen.
class Summed {
 public:
  Summed& add(std::string_view bytes) {
    add(bytes.size());
    text_ += bytes;
    return *this;
  }
  Summed& add(std::uint64_t number) {
    text_.append(reinterpret_cast<const char*>(&number), sizeof(number));
    return *this;
  }
  [[nodiscard]] std::uint64_t sum() const { return base::hash64(text_); }

 private:
  std::string text_;
};

std::uint64_t sum_of(const LetterRow& letter) {
  return Summed()
      .add(letter.number)
      .add(bytes_of(letter.id))
      .add(letter.bus)
      .add(letter.group)
      .add(bytes_of(letter.event_id))
      .add(letter.type)
      .add(number_of(letter.time))
      .add(letter.about)
      .add(letter.history)
      .add(letter.event)
      .sum();
}

std::uint64_t sum_of_document(std::string_view kind, std::string_view name, std::string_view body) {
  return Summed().add(kind).add(name).add(body).sum();
}

std::uint64_t size_of(const LetterRow& letter) {
  return letter.event.size() + letter.history.size() + letter.about.size();
}

/// The condition of a filter, and its values in the order of their question marks.
struct Where {
  std::string text = "1";
  std::vector<std::string> bytes;
  std::vector<std::uint64_t> numbers;

  explicit Where(const LetterFilter& filter) {
    if (filter.id) equal("id", bytes_of(*filter.id));
    equal("bus", filter.bus);
    equal("grp", filter.group);
    equal("type", filter.type);
    if (filter.event) equal("event_id", bytes_of(*filter.event));
    if (!filter.text.empty()) {
      text += " AND instr(about, ?) > 0";
      bytes.push_back(filter.text);
    }
    if (filter.behind) {
      text += " AND id > ?";
      bytes.emplace_back(bytes_of(*filter.behind));
    }
    compare("time >= ?", filter.since);
    compare("time < ?", filter.until);
  }

  /// The place behind the last one.
  int bind(Statement& statement) const {
    int place = 1;
    for (const std::string& each : bytes) statement.bind(place++, each);
    for (const std::uint64_t number : numbers) statement.bind_number(place++, number);
    return place;
  }

 private:
  void equal(std::string_view column, std::string_view value) {
    if (value.empty()) return;
    text += " AND " + std::string(column) + " = ?";
    bytes.emplace_back(value);
  }
  void compare(std::string_view condition, const std::optional<Timestamp>& time) {
    if (!time) return;
    text += " AND " + std::string(condition);
    numbers.push_back(number_of(*time));
  }
};

template <std::size_t Size>
bool copy(std::string_view from, std::array<std::uint8_t, Size>& to) {
  if (from.size() != Size) return false;
  std::ranges::copy(from, to.begin());
  return true;
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
  if (sound) sound = store.verify();
  if (!sound) return tl::unexpected(sound.error());
  return store;
}

Error StateStore::damaged(std::string_view what) const {
  return {ErrorCode::storage, database_.file().string() + ": " + std::string(what) +
                                  "; `evmesh journal check` tells what can be read and exports it"};
}

Result<void> StateStore::prepare() {
  if (auto made = database_.execute(schema); !made) return made;
  const auto known = read_meta();
  if (!known) return tl::unexpected(known.error());
  return *known ? Result<void>() : database_.execute("INSERT INTO meta VALUES (1, 1, 0, 0)");
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

/// Runs a SELECT over letters, its condition written where `sql` says WHERE.
Result<void> StateStore::query(std::string_view sql, const LetterFilter& filter, const Step& step) {
  return query_while(sql, filter, [&](const Statement& row) { return step(row).map([] { return true; }); });
}

/// The same, until `step` says false.
Result<void> StateStore::query_while(std::string_view sql, const LetterFilter& filter, const Asked& step) {
  const Where where(filter);
  const std::size_t place = sql.find("WHERE");
  auto rows = database_.prepare(std::string(sql.substr(0, place)) + "WHERE " + where.text + std::string(sql.substr(place + 5)));
  if (!rows) return tl::unexpected(rows.error());
  where.bind(*rows);
  for (;;) {
    auto row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    const auto more = step(*rows);
    if (!more) return tl::unexpected(more.error());
    if (!*more) return {};
  }
}

Result<LetterRow> StateStore::read_letter(const Statement& row) const {
  LetterRow letter;
  letter.number = row.number(0);
  letter.bus = row.bytes(2);
  letter.group = row.bytes(3);
  letter.type = row.bytes(5);
  letter.time = time_of(row.number(6));
  letter.about = row.bytes(7);
  letter.history = row.bytes(8);
  letter.event = row.bytes(9);
  if (!copy(row.bytes(1), letter.id.bytes) || !copy(row.bytes(4), letter.event_id.bytes) || sum_of(letter) != row.number(10)) {
    return tl::unexpected(damaged("dead letter " + std::to_string(letter.number) + " is damaged"));
  }
  return letter;
}

void StateStore::hold(const LetterRow& letter) {
  Held& held = held_[{letter.bus, letter.group}];
  held.letters += 1;
  held.bytes += size_of(letter);
}

/// A row of bus, group and size that is about to go.
void StateStore::release(const Statement& row) {
  const auto held = held_.find({std::string(row.bytes(0)), std::string(row.bytes(1))});
  if (held == held_.end()) return;
  held->second.letters -= 1;
  held->second.bytes -= row.number(2);
  if (held->second.letters == 0) held_.erase(held);
}

Result<void> StateStore::verify() {
  std::uint64_t sum = 0;
  held_.clear();
  const std::string letters = "SELECT " + std::string(letter_columns) + " FROM letters WHERE";
  auto read = query(letters, {}, [&](const Statement& row) -> Result<void> {
    const auto letter = read_letter(row);
    if (!letter) return tl::unexpected(letter.error());
    sum += row.number(10);
    hold(*letter);
    return {};
  });
  if (read) {
    read = query("SELECT kind, name, body, sum FROM documents WHERE", {}, [&](const Statement& row) -> Result<void> {
      sum += row.number(3);
      if (sum_of_document(row.bytes(0), row.bytes(1), row.bytes(2)) == row.number(3)) return {};
      return tl::unexpected(damaged("document " + std::string(row.bytes(1)) + " is damaged"));
    });
  }
  if (read && sum != mark_.sum) return tl::unexpected(damaged("rows are missing, or came from elsewhere"));
  return read;
}

/// Does `work(mark)` as one commit, of which the witness learns before this returns. Nothing else is known after an error.
template <class Work>
Result<void> StateStore::commit(const Work& work) {
  if (failed_) return tl::unexpected(*failed_);
  Witness::Mark mark = mark_;
  const auto all = [&]() -> Result<void> {
    if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
    if (auto done = work(mark); !done) return done;
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

Result<std::uint64_t> StateStore::last_number() {
  std::uint64_t last = 0;
  auto read = query("SELECT seq FROM sqlite_sequence WHERE AND name = 'letters'", {}, [&](const Statement& row) -> Result<void> {
    last = row.number(0);
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return last;
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
  auto insert = database_.prepare("INSERT INTO letters (" + std::string(letter_columns) +
                                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");
  if (!insert) return tl::unexpected(insert.error());
  for (LetterRow letter : letters) {
    letter.number = last + 1;
    const std::uint64_t sum = sum_of(letter);
    insert->bind_number(1, letter.number).bind(2, bytes_of(letter.id)).bind(3, letter.bus).bind(4, letter.group);
    insert->bind(5, bytes_of(letter.event_id)).bind(6, letter.type).bind_number(7, number_of(letter.time));
    insert->bind(8, letter.about).bind(9, letter.history).bind(10, letter.event).bind_number(11, sum);
    if (auto inserted = insert->run(); !inserted) return inserted;
    if (database_.changes() == 0) continue;  // there already
    last = letter.number;
    mark.sum += sum;
    hold(letter);
  }
  return {};
}

Result<std::uint64_t> StateStore::remove_some(const LetterFilter& filter, Witness::Mark& mark) {
  std::uint64_t removed = 0;
  auto counted = query("SELECT bus, grp, length(event) + length(history) + length(about), sum FROM letters WHERE", filter,
                       [&](const Statement& row) -> Result<void> {
                         release(row);
                         mark.sum -= row.number(3);
                         ++removed;
                         return {};
                       });
  if (counted && removed > 0) {
    counted = query("DELETE FROM letters WHERE", filter, [](const Statement&) -> Result<void> { return {}; });
  }
  if (!counted) return tl::unexpected(counted.error());
  return removed;
}

Result<std::uint64_t> StateStore::remove(const LetterFilter& filter) {
  std::uint64_t removed = 0;
  auto done = commit([&](Witness::Mark& mark) -> Result<void> {
    return remove_some(filter, mark).map([&](std::uint64_t some) { removed = some; });
  });
  if (!done) return tl::unexpected(done.error());
  return removed;
}

Result<std::uint64_t> StateStore::remove(std::span<const DeadLetterId> ids) {
  std::uint64_t removed = 0;
  auto done = commit([&](Witness::Mark& mark) -> Result<void> {
    for (const DeadLetterId& id : ids) {
      const auto some = remove_some({.id = id}, mark);
      if (!some) return tl::unexpected(some.error());
      removed += *some;
    }
    return {};
  });
  if (!done) return tl::unexpected(done.error());
  return removed;
}

Result<std::vector<LetterRow>> StateStore::page(const LetterFilter& filter, std::uint64_t after, std::size_t limit,
                                                std::uint64_t bytes_max) {
  std::vector<LetterRow> letters;
  std::uint64_t bytes = 0;
  const auto read_row = [&](const Statement& row) -> Result<bool> {
    auto letter = read_letter(row);
    if (!letter) return tl::unexpected(letter.error());
    bytes += size_of(*letter);
    letters.push_back(std::move(*letter));
    return bytes <= bytes_max;
  };
  const std::string sql = "SELECT " + std::string(letter_columns) + " FROM letters WHERE AND number > " +
                          std::to_string(after) + " ORDER BY " + (filter.behind ? "id" : "number") + " LIMIT " +
                          std::to_string(limit);
  auto read = query_while(sql, filter, read_row);
  if (!read) return tl::unexpected(read.error());
  return letters;
}

Result<std::vector<LetterPlace>> StateStore::places(const LetterFilter& filter, std::uint64_t after, std::size_t limit) {
  std::vector<LetterPlace> places;
  const std::string sql = "SELECT number, bus, grp FROM letters WHERE AND number > " + std::to_string(after) +
                          " ORDER BY number LIMIT " + std::to_string(limit);
  auto read = query(sql, filter, [&](const Statement& row) -> Result<void> {
    places.push_back({row.number(0), std::string(row.bytes(1)), std::string(row.bytes(2))});
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return places;
}

Result<std::uint64_t> StateStore::count(const LetterFilter& filter) {
  std::uint64_t count = 0;
  auto read = query("SELECT count(*) FROM letters WHERE", filter, [&](const Statement& row) -> Result<void> {
    count = row.number(0);
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return count;
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
    const std::uint64_t sum = sum_of_document(kind, name, body);
    mark.sum += sum;
    return insert->bind(1, kind).bind(2, name).bind(3, body).bind_number(4, sum).run();
  });
}

Result<void> StateStore::erase(std::string_view kind, std::string_view name) {
  return commit([&](Witness::Mark& mark) { return erase_document(kind, name, mark); });
}

Result<std::map<std::string, std::string>> StateStore::documents(std::string_view kind) {
  std::map<std::string, std::string> found;
  auto rows = database_.prepare("SELECT name, body, sum FROM documents WHERE kind = ?");
  if (!rows) return tl::unexpected(rows.error());
  rows->bind(1, kind);
  for (;;) {
    auto row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return found;
    if (sum_of_document(kind, rows->bytes(0), rows->bytes(1)) != rows->number(2)) {
      return tl::unexpected(damaged("document " + std::string(rows->bytes(0)) + " is damaged"));
    }
    found.emplace(rows->bytes(0), rows->bytes(1));
  }
}

}  // namespace evmesh::storage
