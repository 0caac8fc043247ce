#include <algorithm>
#include <system_error>
#include <utility>

#include "storage/state_store.hpp"

namespace evmesh::storage {

namespace {

/// Places in a row that cannot be read, one for each letter that may have stood there, before giving up.
constexpr std::uint64_t unreadable_max = 100'000;

void damage(StateReport& report, std::string finding) {
  report.findings.push_back(std::move(finding));
  report.damaged = true;
}

bool holds_bytes(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  return !error && size > 0;
}

}  // namespace

StateReport StateStore::check(const std::filesystem::path& directory, const VisitLetter& visit) {
  StateReport report;
  const auto file = directory / "state.db";
  auto witness = Witness::read(directory / "state.witness");
  if (!witness) damage(report, witness.error().message);
  const bool something_was_kept = witness && witness->mark() && witness->mark()->version > 0;
  if (!std::filesystem::exists(file)) {
    if (something_was_kept)
      damage(report, file.string() + ": the file is missing, and with it all dead letters");
    return report;
  }
  // Only while a store is being made, and before anything is in it, does it have such a file.
  if (!something_was_kept && holds_bytes(directory / "state.db-journal")) {
    report.findings.push_back(file.string() +
                              ": was being made when its node ended; the next start makes it");
    return report;
  }
  auto database = Database::open_to_read(file);
  if (!database) {
    damage(report, database.error().message);
    return report;
  }
  StateStore store(std::move(*database), witness ? std::move(*witness) : std::move(*Witness::none()));
  if (const auto sound = store.check_all(); !sound) damage(report, sound.error().message);
  store.read_past_damage(visit, report);
  return report;
}

/// All that opening asks.
Result<void> StateStore::check_all() {
  const auto whole = whole_schema();
  if (!whole) return tl::unexpected(whole.error());
  if (*whole) {
    if (const auto known = read_meta(); !known) return tl::unexpected(known.error());
  }
  if (auto witnessed = check_witness(); !witnessed) return witnessed;
  if (!*whole) return {};
  if (format_ > 1) {
    if (auto counted = read_held(); !counted) return counted;
  }
  return verify();
}

/// False when the node that made it ended before all tables were there.
Result<bool> StateStore::whole_schema() {
  auto tables =
      database_.prepare("SELECT count(*) FROM sqlite_schema WHERE name IN ('meta', 'letters', 'documents')");
  if (!tables) return tl::unexpected(tables.error());
  auto row = tables->step();
  if (!row) return row;
  return tables->number(0) == 3;
}

/// A page that cannot be read hides some letters; those behind it are found by their numbers.
void StateStore::read_past_damage(const VisitLetter& visit, StateReport& report) {
  if (const auto whole = whole_schema(); !whole || !*whole) return;
  std::uint64_t after = 0;
  for (std::uint64_t unreadable = 0; unreadable < unreadable_max; ++unreadable, ++after) {
    const std::string sql =
        "SELECT number, id, bus, grp, event_id, type, time, about, history, event, sum FROM letters WHERE "
        "AND number > " +
        std::to_string(after) + " ORDER BY number";
    const auto read = query(sql, {}, [&](const Statement& row) -> Result<void> {
      unreadable = 0;
      after = std::max(after, row.number(0));
      const auto letter = read_letter(row);
      if (!letter) {
        damage(report, letter.error().message);
        return {};
      }
      ++report.letters;
      visit(*letter);
      return {};
    });
    if (read) return;
    if (unreadable == 0)
      damage(report, read.error().message + " (behind dead letter " + std::to_string(after) + ")");
  }
}

}  // namespace evmesh::storage
