#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/group_work.hpp>
#include <evmesh/log.hpp>

#include "base/clock.hpp"
#include "bus/bus.hpp"
#include "bus/redeliveries.hpp"
#include "bus/work_engine.hpp"
#include "delivery/pool.hpp"
#include "delivery/timers.hpp"

namespace evmesh::bus {

/// What operators ask of a node's group work, answered from its engine, its buses and its tasks. Thread-safe.
class Operations final : public GroupWork {
 public:
  /// All of it outlives this.
  struct Services {
    const base::Clock& clock;
    delivery::Pool& pool;
    delivery::Timers& timers;
    WorkEngine& work;
    const std::vector<std::shared_ptr<Bus>>& buses;  ///< does not change any more
    LogSink log;
  };

  explicit Operations(Services services);

  /// Takes up the tasks of earlier lives. Errors: storage.
  [[nodiscard]] Result<void> start() { return tasks_.resume(); }

  /// No task does anything any more. Idempotent.
  void stop() { tasks_.stop(); }

  [[nodiscard]] Result<std::vector<GroupStatus>> groups() const override;
  [[nodiscard]] Result<GroupStatus> group(std::string_view bus, const Group& group) const override;
  [[nodiscard]] Result<GroupStatus> pause(std::string_view bus, const Group& group,
                                          std::string reason) override;
  [[nodiscard]] Result<GroupStatus> resume(std::string_view bus, const Group& group) override;
  [[nodiscard]] Result<std::uint64_t> remove(std::string_view bus, const Group& group, bool cancel) override;

  /// Another node is about to remove the group: what it is owed here is cancelled when `cancel`, and counted.
  /// Errors: unknown_group, group_in_use (a listener is registered here), invalid_argument.
  [[nodiscard]] Result<std::uint64_t> release(std::string_view bus, const Group& group, bool cancel);

  [[nodiscard]] Result<EventLife> event(const EventId& event) const override;
  [[nodiscard]] Result<std::vector<EventLife>> wait_over(std::span<const EventId> events,
                                                         std::chrono::milliseconds timeout) const override;

  [[nodiscard]] Result<DeadLetterPage> dead_letters(const DeadLetterFilter& filter, std::uint64_t after,
                                                    std::size_t limit) const override;
  /// Letters in the order of their ids, and whether there are more.
  struct Behind {
    std::vector<DeadLetterEntry> items;
    bool more = false;
  };
  /// Up to `limit` letters whose ids come after `after`, as many as have about `bytes_max` together. Errors: as
  /// `dead_letters`.
  [[nodiscard]] Result<Behind> dead_letters_behind(const DeadLetterFilter& filter, const DeadLetterId& after,
                                                   std::size_t limit, std::uint64_t bytes_max) const;
  [[nodiscard]] Result<std::uint64_t> count_dead_letters(const DeadLetterFilter& filter) const override;
  [[nodiscard]] Result<DeadLetterEntry> dead_letter(const DeadLetterId& id) const override;
  Result<std::uint64_t> remove_dead_letters(const DeadLetterFilter& filter) override;
  Result<Imported> import_dead_letters(std::string_view lines) override;

  [[nodiscard]] Result<TaskStatus> redeliver(const Redelivery& order) override {
    return redeliver(TaskId::fresh(), order);
  }
  /// As a part of a task that other nodes have parts of, too. Asked again it answers with that part.
  [[nodiscard]] Result<TaskStatus> redeliver(const TaskId& id, const Redelivery& order);
  [[nodiscard]] Result<std::vector<TaskStatus>> tasks() const override { return tasks_.all(); }
  [[nodiscard]] Result<TaskStatus> task(const TaskId& id) const override;
  [[nodiscard]] Result<TaskStatus> wait_task(const TaskId& id,
                                             std::chrono::milliseconds timeout) const override;
  Result<TaskStatus> cancel_task(const TaskId& id) override { return tasks_.cancel(id); }

 private:
  using Redelivered = work::RedeliveryTask::Result;
  using Statuses = std::map<std::pair<std::string, std::string>, GroupStatus>;

  [[nodiscard]] Result<Bus*> bus_of(std::string_view name) const;
  [[nodiscard]] Statuses statuses() const;
  [[nodiscard]] Result<Letter> read_import(std::string_view line) const;
  [[nodiscard]] std::vector<Redelivered> redeliver_letters(std::span<const std::uint64_t> numbers);
  [[nodiscard]] Redelivered redeliver_letter(std::uint64_t number);
  [[nodiscard]] Result<std::vector<work::GroupIndex>> groups_of(const Letter& letter) const;
  [[nodiscard]] Result<EventLife> life_of(const EventId& event, const WorkEngine::Lives& lives) const;

  const Services services_;
  Redeliveries tasks_;
};

}  // namespace evmesh::bus
