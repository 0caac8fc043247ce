#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bus/support.hpp"
#include "support/faulty_disk.hpp"
#include "support/temp_dir.hpp"

namespace evmesh::bus::test {

using support::eventually;
using support::FaultyDisk;
using support::TempDir;

inline constexpr std::uint64_t small_reserve = 8 * limits::mib;

/// A directory as a process that is killed now leaves it. What runs must stand still meanwhile.
class Killed {
 public:
  explicit Killed(const std::filesystem::path& living) {
    std::filesystem::copy(living, dir_.path(), std::filesystem::copy_options::recursive);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return dir_.path(); }

 private:
  TempDir dir_{support::memory_disk()};
};

/// Retries after exactly 100 ms, 200 ms, and so on.
[[nodiscard]] inline GroupOptions exact_retries(std::uint32_t retries) {
  GroupOptions options;
  options.retry = {.max_retries = retries, .first = 100ms, .cap = 30s, .jitter = 0};
  return options;
}

/// One life of a node on `directory`, without the lock: buses on a durable engine, with a clock that stands
/// still.
struct Life {
  explicit Life(const std::filesystem::path& directory, std::shared_ptr<storage::Disk> disk = {},
                BusSettings settings = {}) {
    WorkEngine::Settings work;
    work.self.bytes.fill(7);
    work.epoch = ++last_epoch();
    work.directory = directory;
    work.reserve_bytes = small_reserve;
    work.disk = std::move(disk);
    host.work->stop();
    host.work = must(WorkEngine::open({host.clock, host.timers, host.counters, host.services().log,
                                       [this](const Error& error) { failures.add(error.message); }},
                                      std::move(work)));
    settings.level = Level::disk;
    bus = Bus::create(host.services(), std::move(settings));
  }
  ~Life() {
    stop();
    host.timers.stop();
    host.pool.stop();
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// As a node stops, without waiting long for calls.
  void stop(std::chrono::milliseconds drain = 1s) {
    bus->stop(host.clock.now() + drain);
    host.work->stop();
  }
  [[nodiscard]] work::GroupCounts counts(std::string_view name) {
    return host.work->counts(host.work->find(bus->name(), group(name)).value());
  }
  /// The clock moves so that the engine does what it does now and then.
  template <class Condition>
  [[nodiscard]] bool later(Condition&& holds) {
    return eventually(patience, [&] {
      host.clock.advance(200ms);
      return holds();
    });
  }

  /// Rises over all lives of all tests.
  [[nodiscard]] static std::uint64_t& last_epoch() {
    static std::uint64_t epoch = 0;
    return epoch;
  }

  Story failures;
  Host host;
  std::shared_ptr<Bus> bus;
};

/// What a listener was told of an execution: "payload attempt", "?" behind it when it may be a duplicate.
[[nodiscard]] inline std::string told(const Delivery& delivery) {
  return delivery.event.payload() + ' ' + std::to_string(delivery.attempt) +
         (delivery.possibly_duplicate ? "?" : "");
}

[[nodiscard]] inline std::shared_ptr<Listener> telling(Story& story) {
  return make_listener([&story](const Delivery& delivery) { story.add(told(delivery)); });
}

[[nodiscard]] inline BusSettings queued() { return {.delivery = DeliveryModel::asynchronous}; }

/// Runs nothing, so that what is dispatched stays owed.
inline void require(Bus& bus, const Group& group) {
  static_cast<void>(must(bus.register_listener(make_listener([](const Delivery&) {}), group)));
}

[[nodiscard]] inline GroupOptions one_at_a_time() {
  GroupOptions options = exact_retries(5);
  options.concurrency = 1;
  return options;
}

/// The dead letters of a group, oldest first.
[[nodiscard]] inline std::vector<DeadLetter> letters_of(EventBus& bus, const Group& group) {
  std::vector<DeadLetter> letters;
  for (const DeadLetterId& id : must(bus.dead_letters().ids(group)))
    letters.push_back(must(bus.dead_letters().find(group, id)).value());
  return letters;
}

[[nodiscard]] inline DeadLetter only_letter(EventBus& bus, const Group& group) {
  const auto letters = letters_of(bus, group);
  REQUIRE(letters.size() == 1);
  return letters.front();
}

}  // namespace evmesh::bus::test
