#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "measure.hpp"

namespace bench {

/// What work on a disk is compared with: a file of fixed size written by one thread, where whatever arrives
/// during one sync goes into the next. No recovery, no checksums, no retries; what is done is logged, but
/// nobody waits for that.
class PlainLog {
 public:
  using Record = std::pair<std::uint64_t, std::string>;
  using Synced = std::function<void(std::vector<Record>)>;

  /// Makes the file `path`; `synced` is called on the log's thread with each group of records on the disk.
  PlainLog(const std::string& path, Synced synced);
  ~PlainLog();
  PlainLog(const PlainLog&) = delete;
  PlainLog& operator=(const PlainLog&) = delete;

  void append(std::uint64_t number, std::string payload);
  void append_done(std::uint64_t number);

 private:
  void run();
  void write(std::string_view bytes);
  void buffer(std::uint64_t number, std::string_view payload);

  static constexpr std::uint64_t file_bytes = 64 << 20;

  int file_;
  std::uint64_t at_ = 0;
  Synced synced_;
  std::mutex mutex_;
  std::condition_variable some_;
  bool ending_ = false;
  std::string buffer_;
  std::vector<Record> waiting_;
  std::thread thread_;
};

/// The plainest way from one thread to some others: a queue, a mutex, a condition variable.
class WorkerThreads {
 public:
  using Handle = std::function<void(const PlainLog::Record&)>;

  WorkerThreads(std::size_t count, Handle handle);
  ~WorkerThreads();
  WorkerThreads(const WorkerThreads&) = delete;
  WorkerThreads& operator=(const WorkerThreads&) = delete;

  void add(std::vector<PlainLog::Record> records);

 private:
  void run();

  static constexpr std::size_t taken_at_once = 64;

  Handle handle_;
  std::mutex mutex_;
  std::condition_variable some_;
  bool ending_ = false;
  std::vector<PlainLog::Record> records_;  // those before `next_` are taken
  std::size_t next_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace bench
