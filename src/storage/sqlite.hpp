#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include <evmesh/result.hpp>

namespace evmesh::storage {

/// One prepared statement of an open database. Values are bound by their place, from 1, and read by column, from 0.
/// What was bound must live until `run` or the last `step`. Thread-bound, as its database.
class Statement {
 public:
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}

  Statement& bind(int place, std::string_view bytes);
  Statement& bind_number(int place, std::uint64_t number);  ///< its 64 bits, kept as a signed integer

  /// True when there is a row; false at the end, where the statement is ready to be bound again.
  [[nodiscard]] Result<bool> step();

  /// For statements that give no rows.
  [[nodiscard]] Result<void> run();

  [[nodiscard]] std::string_view bytes(int column) const;  ///< until the next step
  [[nodiscard]] std::uint64_t number(int column) const;

  /// Gives up the rows that were not read.
  void reset();

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// An SQLite file whose commits are synced (WAL, synchronous=FULL). Thread-bound.
class Database {
 public:
  /// Opens or creates. Errors: storage, naming the file.
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& file);

  /// Opens to read, without writing to the directory or locking anything: nobody else may have it open.
  [[nodiscard]] static Result<Database> open_to_read(const std::filesystem::path& file);

  [[nodiscard]] Result<void> execute(const char* sql);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql);

  /// Rows that the last statement changed.
  [[nodiscard]] std::uint64_t changes() const;

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  explicit Database(std::filesystem::path file) : file_(std::move(file)) {}

  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace evmesh::storage
