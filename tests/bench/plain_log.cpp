#include "plain_log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace bench {

PlainLog::PlainLog(const std::string& path, Synced synced)
    : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)), synced_(std::move(synced)) {
  require(file_ >= 0, "cannot make " + path);
  const std::string zeros(16 << 10,  // larger pieces make each later write slower
                          '\0');
  while (at_ < file_bytes) write(zeros);
  require(::fsync(file_) == 0, "cannot sync " + path);
  at_ = 0;
  thread_ = std::thread([this] { run(); });
}

PlainLog::~PlainLog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  some_.notify_one();
  thread_.join();
  ::close(file_);
}

void PlainLog::append(std::uint64_t number, std::string payload) {
  const std::lock_guard lock(mutex_);
  buffer(number, payload);
  waiting_.emplace_back(number, std::move(payload));
  if (waiting_.size() == 1) some_.notify_one();
}

void PlainLog::append_done(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  buffer(number, {});
}

void PlainLog::buffer(std::uint64_t number, std::string_view payload) {
  const std::uint64_t header[] = {number, payload.size()};
  buffer_.append(reinterpret_cast<const char*>(header), sizeof header).append(payload);
}

void PlainLog::run() {
  std::string bytes;
  for (;;) {
    std::vector<Record> records;
    {
      std::unique_lock lock(mutex_);
      some_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      bytes.swap(buffer_);
      records.swap(waiting_);
    }
    if (at_ + bytes.size() > file_bytes) at_ = 0;
    write(bytes);
    require(::fdatasync(file_) == 0, "cannot sync the log");
    bytes.clear();
    synced_(std::move(records));
  }
}

void PlainLog::write(std::string_view bytes) {
  const auto written = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at_));
  require(written == static_cast<ssize_t>(bytes.size()), "cannot write the log");
  at_ += bytes.size();
}

WorkerThreads::WorkerThreads(std::size_t count, Handle handle) : handle_(std::move(handle)) {
  for (; count > 0; --count) threads_.emplace_back([this] { run(); });
}

WorkerThreads::~WorkerThreads() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  some_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerThreads::add(std::vector<PlainLog::Record> records) {
  {
    const std::lock_guard lock(mutex_);
    records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
    std::move(records.begin(), records.end(), std::back_inserter(records_));
  }
  some_.notify_all();
}

void WorkerThreads::run() {
  std::vector<PlainLog::Record> taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      some_.wait(lock, [&] { return ending_ || next_ < records_.size(); });
      if (next_ == records_.size()) return;
      const std::size_t end = std::min(next_ + taken_at_once, records_.size());
      while (next_ < end) taken.push_back(std::move(records_[next_++]));
    }
    for (const PlainLog::Record& record : taken) handle_(record);
    taken.clear();
  }
}

}  // namespace bench
