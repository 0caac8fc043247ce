#include "storage/sqlite.hpp"

#include <string>
#include <utility>

namespace evmesh::storage {

namespace {

auto failed(sqlite3* database, std::string_view doing) {
  return fail(ErrorCode::storage, "cannot " + std::string(doing) + ": " +
                                      (database == nullptr ? "out of memory" : sqlite3_errmsg(database)));
}

/// No mmap and a small cache: what is read comes from the disk and is checked by whoever reads it.
constexpr const char* settings =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA locking_mode=EXCLUSIVE; PRAGMA "
    "cell_size_check=ON; "
    "PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=256;";

/// Exclusive: so its place in the write-ahead log is kept in memory and not in a file.
constexpr const char* reading =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA "
    "mmap_size=0;";

/// Without a write-ahead log SQLite would make one, unless nobody can change the file.
std::string reading_uri(const std::filesystem::path& file) {
  constexpr std::string_view digits = "0123456789abcdef";
  const std::filesystem::path whole = std::filesystem::absolute(file);
  std::string uri = "file:";
  for (const char each : whole.native()) {
    const auto byte = static_cast<unsigned char>(each);
    const bool plain =
        each == '/' || (byte > 0x20 && byte < 0x7f && each != '%' && each != '?' && each != '#');
    if (plain) {
      uri += each;
    } else {
      uri.append("%").append(1, digits[byte >> 4U]).append(1, digits[byte & 0xfU]);
    }
  }
  return uri + (std::filesystem::exists(file.native() + "-wal") ? "" : "?immutable=1");
}

}  // namespace

Statement& Statement::bind(int place, std::string_view bytes) {
  // Never null: an empty view may have no address, and a null is no empty value.
  sqlite3_bind_blob64(statement_.get(), place, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_number(int place, std::uint64_t number) {
  sqlite3_bind_int64(statement_.get(), place, static_cast<sqlite3_int64>(number));
  return *this;
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) {
    reset();
    return false;
  }
  const std::string file = sqlite3_db_filename(database_, "main");
  auto error = failed(database_, "use " + file);
  reset();
  return error;
}

Result<void> Statement::run() {
  if (auto row = step(); !row) return tl::unexpected(row.error());
  return {};
}

std::string_view Statement::bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), size);
}

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

Result<Database> Database::open(const std::filesystem::path& file) {
  Database database(file);
  sqlite3* handle = nullptr;
  constexpr int flags =
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
  const int opened = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
  database.database_.reset(handle);
  if (opened != SQLITE_OK) return failed(handle, "open " + file.string());
  if (auto set = database.execute(settings); !set) return tl::unexpected(set.error());
  return database;
}

Result<Database> Database::open_to_read(const std::filesystem::path& file) {
  Database database(file);
  sqlite3* handle = nullptr;
  constexpr int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_URI;
  const int opened = sqlite3_open_v2(reading_uri(file).c_str(), &handle, flags, "unix-none");
  database.database_.reset(handle);
  if (opened != SQLITE_OK) return failed(handle, "open " + file.string());
  // Else closing it would bring what the write-ahead log holds into the file.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (auto set = database.execute(reading); !set) return tl::unexpected(set.error());
  return database;
}

Result<void> Database::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failed(database_.get(), "use " + file_.string());
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int prepared = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (prepared != SQLITE_OK) return failed(database_.get(), "use " + file_.string());
  return Statement(database_.get(), statement);
}

std::uint64_t Database::changes() const {
  return static_cast<std::uint64_t>(sqlite3_changes64(database_.get()));
}

}  // namespace evmesh::storage
