#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "storage/state_store.hpp"
#include "support/temp_dir.hpp"

/// What tests of the store of dead letters share.
namespace evmesh::storage::test {

namespace fs = std::filesystem;

inline LetterRow letter(unsigned number, std::string group = "index") {
  LetterRow row;
  row.id.bytes[15] = static_cast<std::uint8_t>(number);
  row.id.bytes[14] = static_cast<std::uint8_t>(number >> 8);
  row.number = number;
  row.bus = "events";
  row.group = std::move(group);
  row.event_id.bytes[0] = static_cast<std::uint8_t>(number);
  row.type = number % 2 == 0 ? "Even" : "Odd";
  row.time = Timestamp{std::chrono::seconds{number}};
  row.about = "bob MailboxPath:bob/INBOX connection refused by peer " + std::to_string(number);
  row.history = "attempts of " + std::to_string(number);
  row.event = "event " + std::to_string(number);
  return row;
}

inline std::vector<LetterRow> letters(unsigned count, std::string group = "index") {
  std::vector<LetterRow> rows;
  for (unsigned number = 1; number <= count; ++number) rows.push_back(letter(number, group));
  return rows;
}

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes; }

struct Fixture {
  support::TempDir dir;

  [[nodiscard]] StateStore open() const { return std::move(StateStore::open(dir.path()).value()); }

  /// What a crash leaves of the store that is open in `dir`.
  [[nodiscard]] std::map<std::string, std::string> image() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(dir.path())) files.emplace(entry.path().filename(), read(entry.path()));
    return files;
  }
};

/// What `check` says of a directory, and the numbers of the letters it gave.
struct Checked {
  StateReport report;
  std::vector<std::uint64_t> numbers;

  explicit Checked(const fs::path& directory) {
    report = StateStore::check(directory, [this](const LetterRow& row) { numbers.push_back(row.number); });
  }
};

/// Puts files into a directory of their own and reads all that a store finds there.
class Restored {
 public:
  explicit Restored(const std::map<std::string, std::string>& files) {
    for (const auto& [name, bytes] : files) write(dir_.path() / name, bytes);
  }
  [[nodiscard]] Result<std::vector<LetterRow>> letters() const {
    auto store = StateStore::open(dir_.path());
    if (!store) return tl::unexpected(store.error());
    return store->page({}, 0, 1'000);
  }

 private:
  // Thousands of them: where there is no disk to wait for.
  support::TempDir dir_{support::memory_disk()};
};

}  // namespace evmesh::storage::test
