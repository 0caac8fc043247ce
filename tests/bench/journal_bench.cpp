// How fast a journal takes commits, next to the two things it could be made of: a plain file that grows by
// one write and one fdatasync a commit, and one row a commit in SQLite. The rounds of the three are
// interleaved, so that whatever else the machine does hits all of them; the medians are compared. Not a test:
// nothing here can fail but the disk.
//
// usage: journal_bench DIRECTORY [ROUNDS [COMMITS]]
#include <fcntl.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "storage/journal.hpp"

using namespace evmesh;
using namespace evmesh::storage;

namespace {

constexpr std::size_t record_bytes = 256;

void require(bool good, const std::string& what) {
  if (good) return;
  std::fprintf(stderr, "journal_bench: %s\n", what.c_str());
  std::exit(1);
}

Commit built(Position begin, std::size_t records) {
  static const std::string record(record_bytes, 'r');
  Commit commit(begin);
  for (std::size_t i = 0; i < records; ++i) commit.add(record);
  return commit;
}

/// Takes commits and makes each one durable.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual void commit(std::size_t records) = 0;
  virtual void between_rounds() {}
};

class SegmentFiles final : public Subject {
 public:
  explicit SegmentFiles(const std::filesystem::path& directory) {
    auto disk = open_disk(directory);
    require(disk.has_value(), "no disk");
    disk_ = std::move(*disk);
    auto journal = open_journal(*disk_, {});
    require(journal.has_value(), "no journal");
    journal_ = std::move(*journal);
  }

  void commit(std::size_t records) override {
    Commit commit = built(journal_->end(), records);
    const auto appended = journal_->append(commit);
    require(appended && journal_->sync(), "append failed");
  }

  /// What a node does where nobody waits.
  void between_rounds() override {
    require(journal_->anchor() && journal_->drop(journal_->end()), "drop failed");
    while (journal_->room() < (64U << 20) && !journal_->full()) journal_->prepare();
  }

 private:
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<Journal> journal_;
};

class PlainFile final : public Subject {
 public:
  explicit PlainFile(const std::filesystem::path& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    require(file_ >= 0, "no file");
  }
  ~PlainFile() override { ::close(file_); }

  void commit(std::size_t records) override {
    const Commit commit = built(end_, records);
    const auto written = ::write(file_, commit.bytes().data(), commit.bytes().size());
    require(written == static_cast<ssize_t>(commit.bytes().size()) && ::fdatasync(file_) == 0,
            "write failed");
    end_ = commit.end();
  }

 private:
  int file_;
  Position end_ = 0;
};

class SqliteRows final : public Subject {
 public:
  explicit SqliteRows(const std::filesystem::path& path) {
    require(sqlite3_open(path.c_str(), &database_) == SQLITE_OK, "no database");
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=FULL");
    run("CREATE TABLE log(position INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
    const char* const insert = "INSERT INTO log VALUES(?, ?)";
    require(sqlite3_prepare_v2(database_, insert, -1, &insert_, nullptr) == SQLITE_OK, "no statement");
  }
  ~SqliteRows() override {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }

  void commit(std::size_t records) override {
    Commit commit = built(end_, records);
    chain_ = commit.seal({.chain = chain_});
    sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(end_));
    sqlite3_bind_blob(insert_, 2, commit.bytes().data(), static_cast<int>(commit.bytes().size()),
                      SQLITE_STATIC);
    require(sqlite3_step(insert_) == SQLITE_DONE, "insert failed");
    sqlite3_reset(insert_);
    end_ = commit.end();
  }

  void between_rounds() override {
    run("DELETE FROM log");
    run("PRAGMA wal_checkpoint(TRUNCATE)");
  }

 private:
  void run(const char* statement) {
    require(sqlite3_exec(database_, statement, nullptr, nullptr, nullptr) == SQLITE_OK, statement);
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  Position end_ = 0;
  std::uint64_t chain_ = 0;
};

/// What one round of commits took.
struct Cost {
  double wall = 0;       // nanoseconds a record
  double processor = 0;  // the same, of this thread's own time: other programs do not count
};

double processor_nanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

Cost round_of(Subject& subject, std::size_t records, std::size_t commits) {
  const auto start = std::chrono::steady_clock::now();
  const double processor = processor_nanoseconds();
  for (std::size_t i = 0; i < commits; ++i) subject.commit(records);
  const std::chrono::duration<double, std::nano> wall = std::chrono::steady_clock::now() - start;
  const auto count = static_cast<double>(records * commits);
  const Cost cost{wall.count() / count, (processor_nanoseconds() - processor) / count};
  subject.between_rounds();
  return cost;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Cost median(const std::vector<Cost>& rounds) {
  std::vector<double> wall, processor;
  for (const Cost& cost : rounds) {
    wall.push_back(cost.wall);
    processor.push_back(cost.processor);
  }
  return {median(wall), median(processor)};
}

/// Speeds: how many times as fast as the other the segment files are.
void print(const char* name, const Cost& cost, const Cost& segments) {
  std::printf(
      "  %-13s %10.0f records/s, %7.0f ns processor time a record; segment files are %.2f as fast, %.2f by "
      "processor\n",
      name, 1e9 / cost.wall, cost.processor, cost.wall / segments.wall, cost.processor / segments.processor);
}

void compare(const std::filesystem::path& directory, std::size_t records, std::size_t rounds,
             std::size_t commits) {
  const std::filesystem::path place = directory / ("journal_bench-" + std::to_string(records));
  require(std::filesystem::create_directory(place), place.string() + " exists already");
  SegmentFiles segments(place);
  PlainFile plain(place / "plain");
  SqliteRows sqlite(place / "log.db");
  std::vector<Cost> of_segments, of_plain, of_sqlite;
  for (std::size_t round = 0; round <= rounds; ++round) {
    const Cost costs[] = {round_of(segments, records, commits), round_of(plain, records, commits),
                          round_of(sqlite, records, commits)};
    if (round == 0) continue;  // warms up
    of_segments.push_back(costs[0]);
    of_plain.push_back(costs[1]);
    of_sqlite.push_back(costs[2]);
  }
  const Cost ours = median(of_segments);
  std::printf("%zu records a commit\n", records);
  print("segment files", ours, ours);
  print("plain file", median(of_plain), ours);
  print("sqlite rows", median(of_sqlite), ours);
  std::filesystem::remove_all(place);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: %s DIRECTORY [ROUNDS [COMMITS]]\n", argv[0]);
    return 64;
  }
  const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 9;
  const std::size_t commits = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 500;
  require(rounds > 0 && commits > 0, "ROUNDS and COMMITS must be numbers from 1");
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (const std::size_t records : {1, 16, 256}) compare(argv[1], records, rounds, commits);
  return 0;
}
