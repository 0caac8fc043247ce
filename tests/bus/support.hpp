#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <evmesh/evmesh.hpp>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/random.hpp"
#include "bus/bus.hpp"
#include "bus/uplink.hpp"
#include "bus/work_engine.hpp"
#include "support/eventually.hpp"

namespace evmesh::bus::test {

using namespace std::chrono_literals;

/// What is expected within milliseconds is waited for this long.
inline constexpr std::chrono::seconds patience{10};

/// The value of a result that has to be there.
template <class Value>
Value must(Result<Value> result) {
  if (!result) FAIL(to_string(result.error().code) << ": " << result.error().message);
  if constexpr (!std::is_void_v<Value>) return std::move(*result);
}

template <class Value>
std::optional<ErrorCode> code(const Result<Value>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

[[nodiscard]] inline RegistrationKey key(std::string_view text) {
  return RegistrationKey::parse(text).value();
}
[[nodiscard]] inline Group group(std::string_view text) { return Group::parse(text).value(); }

/// Attempts follow each other at once, and the first is the last.
[[nodiscard]] inline GroupOptions fragile() {
  GroupOptions options;
  options.retry = {.max_retries = 0, .first = 1ms, .cap = 1ms, .jitter = 0};
  return options;
}

[[nodiscard]] inline Event sample(std::string payload = "sample") {
  EventFields fields;
  fields.type = "Sample";
  fields.user = "user";
  fields.payload = std::move(payload);
  return Event(std::move(fields));
}

[[nodiscard]] inline Event noop() {
  class Nothing final : public EventBody {
    bool noop() const override { return true; }
    Encoded encode(PayloadFormat) const override { return {}; }
  };
  EventFields fields;
  fields.type = "Nothing";
  fields.body = std::make_shared<Nothing>();
  return Event(std::move(fields));
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
  [[nodiscard]] std::vector<std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return words_.size() >= count; });
    return words_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> words_;  // guarded by mutex_
};

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

/// A listener that adds the payloads it gets to `story`.
[[nodiscard]] inline std::shared_ptr<Listener> teller(Story& story,
                                                      ExecutionMode mode = ExecutionMode::synchronous) {
  ListenerTraits traits;
  traits.name = "teller";
  traits.mode = mode;
  traits.gap = [&story](const Gap& gap) { story.add("gap " + std::to_string(gap.from)); };
  return make_listener([&story](const Delivery& delivery) { story.add(delivery.event.payload()); }, traits);
}

[[nodiscard]] inline WorkEngine::Settings first_life() {
  WorkEngine::Settings settings;
  settings.epoch = 1;
  return settings;
}

/// What a node gives its buses, with a clock that stands still.
struct Host {
  base::ManualClock clock;
  base::SystemRandom random;
  base::Counters counters;
  delivery::NodeMark mark;
  std::atomic<std::uint64_t> keys_held{0};
  std::mutex mutex;
  std::vector<LogRecord> records;  // guarded by mutex
  delivery::Pool pool{{}, counters};
  delivery::Timers timers{clock, 1000};
  std::unique_ptr<WorkEngine> work = must(WorkEngine::open({clock, timers, counters, {}, {}}, first_life()));

  [[nodiscard]] NodeServices services() {
    return {clock, random, pool, timers, counters, *work, mark, keys_held, [this](const LogRecord& record) {
              const std::lock_guard lock(mutex);
              records.push_back(record);
            }};
  }

  /// Returns when every timer that is due has run.
  void advance(std::chrono::milliseconds by) {
    clock.advance(by);
    std::promise<void> all_ran;
    REQUIRE(timers.after(std::chrono::milliseconds{0}, [&] { all_ran.set_value(); }));
    timers.poke();
    all_ran.get_future().wait();
  }
  [[nodiscard]] std::uint64_t count(std::string_view name) { return counters.named(name).value(); }
  [[nodiscard]] std::vector<LogRecord> log() {
    const std::lock_guard lock(mutex);
    return records;
  }
  [[nodiscard]] std::size_t logged(std::string_view message) {
    std::size_t found = 0;
    for (const LogRecord& record : log()) found += record.message == message ? 1 : 0;
    return found;
  }
};

/// A host with one bus, which ends first.
struct Alone {
  explicit Alone(BusSettings settings = {}) : bus(Bus::create(host.services(), std::move(settings))) {}
  ~Alone() {
    bus->stop();
    host.pool.stop();
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

  Host host;
  std::shared_ptr<Bus> bus;
};

/// A mesh that writes down what it is asked.
class FakeUplink final : public Uplink {
 public:
  Result<Published> publish(std::span<const Outgoing> events, bool inside_listener,
                            std::span<std::uint32_t> each) override {
    const std::lock_guard lock(mutex);
    std::ranges::fill(each, 2u);
    if (refusal) return tl::unexpected(*refusal);
    for (const Outgoing& each_one : events) {
      published.push_back(each_one.event->payload());
      bodies += each_one.event->body() ? 1 : 0;
    }
    inside.push_back(inside_listener);
    seq += events.size();
    return Published{seq, 2};
  }
  std::uint64_t change_interest(const std::function<InterestChange(std::uint64_t)>& apply) override {
    const std::lock_guard lock(mutex);
    changes.push_back(apply(++version));
    return version;
  }
  RegistrationReceipt acknowledged(std::uint64_t asked, base::MonoTime since,
                                   std::chrono::milliseconds timeout) override {
    const std::lock_guard lock(mutex);
    asked_versions.push_back(asked);
    asked_since.push_back(since);
    asked_timeouts.push_back(timeout);
    return {{}, {"absent"}, {}};
  }
  SeenBy wait_seen(std::uint64_t first, std::uint64_t last, std::chrono::milliseconds) override {
    const std::lock_guard lock(mutex);
    asked_seen.emplace_back(first, last);
    return {{{}}};
  }
  [[nodiscard]] Result<void> usable() const override {
    const std::lock_guard lock(mutex);
    if (refusal && refusal->code == ErrorCode::node_failed) return tl::unexpected(*refusal);
    return {};
  }

  mutable std::mutex mutex;  // guards all below while threads run
  std::optional<Error> refusal;
  std::vector<std::string> published;
  std::vector<bool> inside;
  std::vector<InterestChange> changes;
  std::vector<std::uint64_t> asked_versions;
  std::vector<base::MonoTime> asked_since;
  std::vector<std::chrono::milliseconds> asked_timeouts;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> asked_seen;
  int bodies = 0;  // published without having been encoded
  std::uint64_t seq = 100;
  std::uint64_t version = 0;
};

/// Settings of a bus at the end of `uplink`, on node "0101...".
[[nodiscard]] inline BusSettings on(FakeUplink& uplink, Mode mode = Mode::broadcast) {
  BusSettings settings;
  settings.mode = mode;
  settings.self.bytes.fill(1);
  settings.epoch = 9;
  settings.uplink = &uplink;
  return settings;
}

}  // namespace evmesh::bus::test
