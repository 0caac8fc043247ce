#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <evmesh/listener.hpp>
#include <evmesh/log.hpp>

#include "base/counters.hpp"
#include "delivery/activity.hpp"
#include "delivery/crowding.hpp"
#include "delivery/pool.hpp"
#include "delivery/runner.hpp"

namespace evmesh::delivery::test {

/// What is expected within milliseconds is waited for this long.
inline constexpr std::chrono::seconds patience{10};

/// Blocks whoever passes until it is opened, longer than anybody waits for what is blocked.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait_for(lock, 3 * patience, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool wait_arrived(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return arrived_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

class Work final : public Runnable {
 public:
  explicit Work(std::function<void()> work) : work_(std::move(work)) {}
  void run() override { work_(); }

 private:
  std::function<void()> work_;
};

[[nodiscard]] inline std::shared_ptr<Runnable> work(std::function<void()> action) {
  return std::make_shared<Work>(std::move(action));
}

/// Collects what is said, in order. Thread-safe.
class Story {
 public:
  void add(std::string word) {
    const std::lock_guard lock(mutex_);
    words_.push_back(std::move(word));
    changed_.notify_all();
  }
  [[nodiscard]] std::vector<std::string> words() const {
    const std::lock_guard lock(mutex_);
    return words_;
  }
  /// What was said once there are `count` words.
  [[nodiscard]] std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return words_.size() >= count; });
    return words_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> words_;
};

[[nodiscard]] inline Event sample(std::string payload = "sample", std::string user = "user") {
  EventFields fields;
  fields.type = "Sample";
  fields.user = std::move(user);
  fields.payload = std::move(payload);
  return Event(std::move(fields));
}

[[nodiscard]] inline RegistrationKey key(std::string_view text) {
  return RegistrationKey::parse(text).value();
}

/// The value of the field `name` of the first record called `message`; empty when there is none.
[[nodiscard]] inline std::string field(const std::vector<LogRecord>& records, std::string_view message,
                                       std::string_view name) {
  for (const LogRecord& record : records) {
    if (record.message != message) continue;
    for (const auto& [field, value] : record.fields) {
      if (field == name) return value;
    }
  }
  return {};
}

/// What runs listeners, for one node and one bus.
struct Room {
  NodeMark node;
  base::Counters counters;
  std::mutex mutex;
  std::vector<LogRecord> records;  // guarded by mutex
  Runner runner{node, "events",
                [this](const LogRecord& record) {
                  const std::lock_guard lock(mutex);
                  records.push_back(record);
                },
                counters};
  Activity activity;
  Crowding crowding;
  Pool pool{{}, counters};

  [[nodiscard]] std::vector<LogRecord> log() {
    const std::lock_guard lock(mutex);
    return records;
  }
  [[nodiscard]] std::uint64_t count(std::string_view name) { return counters.named(name).value(); }
};

}  // namespace evmesh::delivery::test
