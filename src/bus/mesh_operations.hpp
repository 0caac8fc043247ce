#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/mesh_work.hpp>

#include "bus/asker.hpp"
#include "bus/json_fields.hpp"
#include "bus/operations.hpp"

namespace evmesh::bus {

/// Asks this node and all others the same, and puts the answers together. Thread-safe.
class MeshOperations final : public MeshWork {
 public:
  /// Both outlive this; `asker` may be null: there are no others.
  MeshOperations(Operations& local, Asker* asker) : local_(local), asker_(asker) {}

  [[nodiscard]] Result<FromMesh<std::vector<GroupStatus>>> groups() const override;
  [[nodiscard]] Result<FromMesh<GroupStatus>> group(std::string_view bus, const Group& group) const override;
  [[nodiscard]] Result<FromMesh<GroupStatus>> pause(std::string_view bus, const Group& group,
                                                    std::string reason) override;
  [[nodiscard]] Result<FromMesh<GroupStatus>> resume(std::string_view bus, const Group& group) override;
  [[nodiscard]] Result<FromMesh<std::uint64_t>> remove(std::string_view bus, const Group& group,
                                                       bool cancel) override;
  [[nodiscard]] Result<FromMesh<EventLife>> event(const EventId& event) const override;
  [[nodiscard]] Result<FromMesh<MeshLetterPage>> dead_letters(const DeadLetterFilter& filter,
                                                              std::optional<DeadLetterId> after,
                                                              std::size_t limit) const override;
  [[nodiscard]] Result<FromMesh<std::uint64_t>> count_dead_letters(
      const DeadLetterFilter& filter) const override;
  [[nodiscard]] Result<FromMesh<DeadLetterEntry>> dead_letter(const DeadLetterId& id) const override;
  Result<FromMesh<std::uint64_t>> remove_dead_letters(const DeadLetterFilter& filter) override;
  [[nodiscard]] Result<FromMesh<TaskStatus>> redeliver(const Redelivery& order) override;
  [[nodiscard]] Result<FromMesh<std::vector<TaskStatus>>> tasks() const override;
  [[nodiscard]] Result<FromMesh<TaskStatus>> task(const TaskId& id) const override;
  [[nodiscard]] Result<FromMesh<TaskStatus>> wait_task(const TaskId& id,
                                                       std::chrono::milliseconds timeout) const override;
  Result<FromMesh<TaskStatus>> cancel_task(const TaskId& id) override;

 private:
  using Unreachable = std::vector<Unreached>;
  /// Takes one node's answer; an error of it is that node's, and names it as unreached.
  using Take = std::function<Result<void>(JsonReader& answer)>;

  void ask(std::string_view question, const Asker::Arguments& arguments, Unreachable& unreached,
           const Take& take, std::chrono::milliseconds longer = {}) const;
  void ask_all(std::string_view question, const std::string& arguments, Unreachable& unreached,
               const Take& take) const;
  /// What each other node answers; nothing where there are none.
  [[nodiscard]] std::vector<Asker::Answered> ask_raw(std::string_view question,
                                                     const Asker::Arguments& arguments) const;
  [[nodiscard]] Result<FromMesh<GroupStatus>> after_change(const Result<GroupStatus>& own) const;
  Result<void> release(std::string_view bus, const Group& group, bool cancel,
                       FromMesh<std::uint64_t>& answer);
  [[nodiscard]] Result<FromMesh<TaskStatus>> parts_of(const TaskId& id, std::string_view question,
                                                      const Result<TaskStatus>& local,
                                                      std::chrono::milliseconds wait) const;

  Operations& local_;
  Asker* const asker_;
};

}  // namespace evmesh::bus
