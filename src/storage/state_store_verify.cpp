#include <string>
#include <utility>

#include "storage/state_rows.hpp"

namespace evmesh::storage {

/// What is looked at once, and not in slices.
Result<std::uint64_t> StateStore::sum_of_rest() {
  std::uint64_t sum = 0;
  auto read = query("SELECT kind, name, body, sum FROM documents WHERE", {}, [&](const Statement& row) -> Result<void> {
    sum += row.number(3);
    if (rows::sum_of_document(row.bytes(0), row.bytes(1), row.bytes(2)) == row.number(3)) return {};
    return tl::unexpected(damaged("document " + std::string(row.bytes(1)) + " is damaged"));
  });
  if (read && format_ > 1) {
    read = query("SELECT bus, grp, letters, bytes, sum FROM held WHERE", {}, [&](const Statement& row) -> Result<void> {
      sum += row.number(4);
      const auto known = held_.find({std::string(row.bytes(0)), std::string(row.bytes(1))});
      const bool same = known != held_.end() && known->second == Held{row.number(2), row.number(3)};
      if (same && rows::sum_of_held(row.bytes(0), row.bytes(1), known->second) == row.number(4)) return {};
      return tl::unexpected(damaged("the count of dead letters of group " + std::string(row.bytes(1)) + " is damaged"));
    });
  }
  if (!read) return tl::unexpected(read.error());
  return sum;
}

/// How many letters there are, and of which groups: said apart, so that opening need not read them all.
Result<void> StateStore::read_held() {
  held_.clear();
  return query("SELECT bus, grp, letters, bytes FROM held WHERE", {}, [&](const Statement& row) -> Result<void> {
    held_[{std::string(row.bytes(0)), std::string(row.bytes(1))}] = {row.number(2), row.number(3)};
    return {};
  });
}

/// Each index leads to `letter`.
Result<void> StateStore::check_indices(Statement& indices, const LetterRow& letter) const {
  indices.bind(1, rows::bytes_of(letter.id)).bind(2, letter.group).bind(3, rows::bytes_of(letter.event_id));
  indices.bind(4, letter.type).bind_number(5, rows::number_of(letter.time)).bind_number(6, letter.number);
  auto row = indices.step();
  if (!row) return tl::unexpected(row.error());
  const bool found = *row && indices.number(0) == 5;
  indices.reset();
  if (found) return {};
  return tl::unexpected(damaged("an index misses dead letter " + std::to_string(letter.number)));
}

Result<Statement> StateStore::looking_at_indices() {
  if (format_ == 1) return database_.prepare("SELECT 5");  // it had fewer, which are made whole
  return database_.prepare(
      "SELECT (SELECT count(*) FROM letters INDEXED BY sqlite_autoindex_letters_1 WHERE id = ?1 AND number = ?6)"
      " + (SELECT count(*) FROM letters INDEXED BY letters_group WHERE grp = ?2 AND number = ?6)"
      " + (SELECT count(*) FROM letters INDEXED BY letters_event WHERE event_id = ?3 AND number = ?6)"
      " + (SELECT count(*) FROM letters INDEXED BY letters_type WHERE type = ?4 AND number = ?6)"
      " + (SELECT count(*) FROM letters INDEXED BY letters_time WHERE time = ?5 AND number = ?6)");
}

/// Reads on behind the letter that was read last, about `bytes`; true at the end of all.
Result<bool> StateStore::read_on(std::uint64_t bytes) {
  auto indices = looking_at_indices();
  if (!indices) return tl::unexpected(indices.error());
  std::uint64_t seen = 0;
  const auto read_row = [&](const Statement& row) -> Result<bool> {
    const auto letter = read_letter(row);
    if (!letter) return tl::unexpected(letter.error());
    if (auto led = check_indices(*indices, *letter); !led) return tl::unexpected(led.error());
    scrubbed_.number = letter->number;
    scrubbed_.sum += row.number(10);
    seen += rows::size_of(*letter) + 256;  // and what it costs however small it is
    return seen < bytes;
  };
  const std::string sql = "SELECT " + std::string(rows::letter_columns) + " FROM letters WHERE AND number > " +
                          std::to_string(scrubbed_.number) + " ORDER BY number";
  if (auto read = query_while(sql, {}, read_row); !read) return tl::unexpected(read.error());
  return seen < bytes;
}

Result<bool> StateStore::scrub(std::uint64_t bytes) {
  if (damage_) return tl::unexpected(*damage_);
  auto ended = read_on(bytes);
  if (ended && *ended) {
    const auto rest = sum_of_rest();
    if (!rest) {
      ended = tl::unexpected(rest.error());
    } else if (scrubbed_.sum + *rest != mark_.sum) {
      ended = tl::unexpected(damaged("rows are missing, or came from elsewhere"));
    }
    scrubbed_ = {};
  }
  if (ended) return ended;
  damage_ = failed_ = ended.error();
  return ended;
}

Result<void> StateStore::verify() {
  scrubbed_ = {};
  return scrub(~std::uint64_t{0}).map([](bool) {});
}

}  // namespace evmesh::storage
