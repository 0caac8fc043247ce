#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <evmesh/testing.hpp>

#include "testing/front_bus.hpp"
#include "testing/process.hpp"
#include "testing/world.hpp"

namespace evmesh::testing {

/// Starts and ends the processes of a world. Thread-bound.
class ClusterImpl {
 public:
  /// Throws std::invalid_argument.
  ClusterImpl(ClusterOptions options, bool mono);
  ~ClusterImpl();
  ClusterImpl(const ClusterImpl&) = delete;
  ClusterImpl& operator=(const ClusterImpl&) = delete;

  [[nodiscard]] World& world() { return world_; }
  /// Throws std::out_of_range.
  [[nodiscard]] Host& host(std::size_t node);
  [[nodiscard]] EventBus& bus(std::size_t node, std::string_view name);

  void start(std::size_t node);
  void kill(std::size_t node);
  void lose(std::size_t node);
  void stop(std::size_t node);
  void cut(std::size_t from, std::size_t to) { world_.network.cut(host(from).index, host(to).index); }
  void mend(std::size_t from, std::size_t to) { world_.network.mend(host(from).index, host(to).index); }

  void run_for(nanoseconds time);
  bool run_until(const std::function<bool()>& done, nanoseconds at_most);
  bool run_until_quiet(nanoseconds at_most);

  [[nodiscard]] std::vector<DeadLetter> dead_letters();
  [[nodiscard]] Result<void> redeliver(const DeadLetterId& letter);

 private:
  void make_hosts();
  void new_disk(Host& host);
  void meet();

  World world_;
};

}  // namespace evmesh::testing
