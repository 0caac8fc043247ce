#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include <evmesh/dead_letters.hpp>

#include "common/exit_code.hpp"
#include "common/files.hpp"
#include "evmesh/verbs/journal_owed.hpp"
#include "storage/state_store.hpp"

namespace evmesh::cli {

/// Writes what can be read of a node's directory into a file, one line of JSON for each group and event. An
/// event that is still owed is written as the dead letter it would become. Thread-bound.
class JournalExport {
 public:
  /// A new file, mode 0600. `cannot_create` when there is one already.
  [[nodiscard]] static peers::Outcome<JournalExport> create(const std::filesystem::path& file);

  /// Once each: what was written before under the same id is left out.
  void add(const storage::LetterRow& letter);

  /// All groups of the record at `position` that `debts` still has.
  void add(storage::Position position, const storage::Owed& record, const Owed& debts);

  [[nodiscard]] std::uint64_t lines() const { return written_.size(); }
  /// Events that are whole but hold no event that this version can read.
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }

  /// On the disk when this returns. `io` when any of it could not be written.
  [[nodiscard]] peers::Outcome<void> finish();

 private:
  /// What one line says.
  struct Line {
    DeadLetterId id;
    std::string bus;
    std::string group;
    storage::DispatchId dispatch;
    std::uint32_t generation = 0;
    Timestamp accepted{};
    std::vector<Attempt> attempts;
  };

  JournalExport(std::filesystem::path path, peers::Fd file)
      : path_(std::move(path)), file_(std::move(file)) {}

  void write(const Line& line, std::string_view event);
  void flush();

  std::filesystem::path path_;
  peers::Fd file_;
  std::string buffer_;
  int error_ = 0;
  std::set<DeadLetterId> written_;
  std::uint64_t unreadable_ = 0;
};

}  // namespace evmesh::cli
