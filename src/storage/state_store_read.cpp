#include <algorithm>
#include <utility>

#include "storage/state_rows.hpp"

namespace evmesh::storage {

namespace {

template <std::size_t Size>
bool copy(std::string_view from, std::array<std::uint8_t, Size>& to) {
  if (from.size() != Size) return false;
  std::ranges::copy(from, to.begin());
  return true;
}

/// So many letters of a group are put into the order of their ids; of more, that order is gone through.
constexpr std::uint64_t sorted_max = 2'000;

/// What stands behind `after`, in the order that is asked for.
std::string rest_of(const LetterFilter& filter, std::uint64_t after, std::size_t limit) {
  return " FROM letters WHERE AND " + std::string(filter.behind ? "+number > " : "number > ") +
         std::to_string(after) + " ORDER BY " + (filter.behind ? "id" : "number") + " LIMIT " +
         std::to_string(limit);
}

}  // namespace

/// Runs a SELECT over letters, its condition written where `sql` says WHERE.
Result<void> StateStore::query(std::string_view sql, const LetterFilter& filter, const Step& step) {
  return query_while(sql, filter, [&](const Statement& row) { return step(row).map([] { return true; }); });
}

/// The same, until `step` says false.
Result<void> StateStore::query_while(std::string_view sql, const LetterFilter& filter, const Asked& step) {
  const rows::Where where(filter, held_by(filter.bus, filter.group) > sorted_max);
  const std::size_t place = sql.find("WHERE");
  auto selected = database_.prepare(std::string(sql.substr(0, place)) + "WHERE " + where.text +
                                std::string(sql.substr(place + 5)));
  if (!selected) return tl::unexpected(selected.error());
  where.bind(*selected);
  for (;;) {
    auto row = selected->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    const auto more = step(*selected);
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
  letter.time = rows::time_of(row.number(6));
  letter.about = row.bytes(7);
  letter.history = row.bytes(8);
  letter.event = row.bytes(9);
  if (!copy(row.bytes(1), letter.id.bytes) || !copy(row.bytes(4), letter.event_id.bytes) ||
      rows::sum_of(letter) != row.number(10)) {
    return tl::unexpected(damaged("dead letter " + std::to_string(letter.number) + " is damaged"));
  }
  return letter;
}

Result<std::uint64_t> StateStore::start_of_newest(std::uint64_t letters, std::uint64_t bytes) {
  auto newest = database_.prepare("SELECT number, length(event) FROM letters ORDER BY number DESC");
  if (!newest) return tl::unexpected(newest.error());
  for (;;) {
    const auto row = newest->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return 0;
    const std::uint64_t size = newest->number(1);
    if (letters == 0 || bytes < size) return newest->number(0);
    --letters;
    bytes -= size;
  }
}

Result<std::uint64_t> StateStore::last_number() {
  std::uint64_t last = 0;
  auto read = query("SELECT seq FROM sqlite_sequence WHERE AND name = 'letters'", {},
                    [&](const Statement& row) -> Result<void> {
                      last = row.number(0);
                      return {};
                    });
  if (!read) return tl::unexpected(read.error());
  return last;
}

/// A number behind which all letters of `filter` stand that stand behind `after`. Letters come about in the
/// order of their times, so what is asked of the last hour is found from the end, by the index of times.
Result<std::uint64_t> StateStore::first_of_time(const LetterFilter& filter, std::uint64_t after) {
  if (!filter.since) return after;
  auto next = database_.prepare("SELECT time FROM letters WHERE number > ? ORDER BY number LIMIT 1");
  if (!next) return tl::unexpected(next.error());
  auto row = next->bind_number(1, after).step();
  if (!row) return tl::unexpected(row.error());
  if (!*row || rows::time_of(next->number(0)) >= *filter.since) return after;
  auto first = database_.prepare("SELECT min(number) FROM letters INDEXED BY letters_time WHERE time >= ?");
  if (!first) return tl::unexpected(first.error());
  row = first->bind_number(1, rows::number_of(*filter.since)).step();
  if (!row) return tl::unexpected(row.error());
  const std::uint64_t found = first->number(0);
  return found == 0 ? ~std::uint64_t{0} >> 1U : std::max(after, found - 1);  // none: behind them all
}

Result<std::vector<LetterRow>> StateStore::page(const LetterFilter& filter, std::uint64_t after,
                                                std::size_t limit, std::uint64_t bytes_max) {
  if (damage_) return tl::unexpected(*damage_);
  const auto from = first_of_time(filter, after);
  if (!from) return tl::unexpected(from.error());
  std::vector<LetterRow> letters;
  std::uint64_t bytes = 0;
  const auto read_row = [&](const Statement& row) -> Result<bool> {
    auto letter = read_letter(row);
    if (!letter) return tl::unexpected(letter.error());
    if (!rows::asked_for(filter, *letter)) {
      return tl::unexpected(damaged("an index leads to dead letter " + std::to_string(letter->number)));
    }
    bytes += rows::size_of(*letter);
    letters.push_back(std::move(*letter));
    return bytes <= bytes_max;
  };
  const std::string sql = "SELECT " + std::string(rows::letter_columns) + rest_of(filter, *from, limit);
  auto read = query_while(sql, filter, read_row);
  if (!read) return tl::unexpected(read.error());
  return letters;
}

Result<std::vector<LetterPlace>> StateStore::places(const LetterFilter& filter, std::uint64_t after,
                                                    std::size_t limit) {
  if (damage_) return tl::unexpected(*damage_);
  const auto from = first_of_time(filter, after);
  if (!from) return tl::unexpected(from.error());
  std::vector<LetterPlace> places;
  const std::string sql = "SELECT number, bus, grp" + rest_of(filter, *from, limit);
  auto read = query(sql, filter, [&](const Statement& row) -> Result<void> {
    places.push_back({row.number(0), std::string(row.bytes(1)), std::string(row.bytes(2))});
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return places;
}

/// Empty: all.
std::uint64_t StateStore::held_by(std::string_view bus, std::string_view group) const {
  std::uint64_t count = 0;
  for (const auto& [place, held] : held_) {
    const bool counts = (bus.empty() || bus == place.first) && (group.empty() || group == place.second);
    if (counts) count += held.letters;
  }
  return count;
}

/// Of groups it is known; the rest is counted.
Result<std::uint64_t> StateStore::count(const LetterFilter& filter) {
  if (damage_) return tl::unexpected(*damage_);
  std::uint64_t count = 0;
  if (!filter.id && filter.type.empty() && filter.text.empty() && !filter.event && !filter.since &&
      !filter.until && !filter.behind) {
    return held_by(filter.bus, filter.group);
  }
  auto read = query("SELECT count(*) FROM letters WHERE", filter, [&](const Statement& row) -> Result<void> {
    count = row.number(0);
    return {};
  });
  if (!read) return tl::unexpected(read.error());
  return count;
}

Result<std::map<std::string, std::string>> StateStore::documents(std::string_view kind) {
  std::map<std::string, std::string> found;
  auto read = database_.prepare("SELECT name, body, sum FROM documents WHERE kind = ?");
  if (!read) return tl::unexpected(read.error());
  read->bind(1, kind);
  for (;;) {
    auto row = read->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return found;
    if (rows::sum_of_document(kind, read->bytes(0), read->bytes(1)) != read->number(2)) {
      return tl::unexpected(damaged("document " + std::string(read->bytes(0)) + " is damaged"));
    }
    found.emplace(read->bytes(0), read->bytes(1));
  }
}

}  // namespace evmesh::storage
