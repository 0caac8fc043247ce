#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <evmesh/node.hpp>
#include <evmesh/registration.hpp>

#include "common/exit_code.hpp"
#include "evmeshd/listeners/child.hpp"
#include "evmeshd/listeners/listener_spec.hpp"

namespace evmesh::daemon {

/// The listeners of the configuration on a node. It has to outlive the node's `stop`: a group that loses its
/// listener before would lose what it is owed.
class ConfiguredListeners {
 public:
  explicit ConfiguredListeners(LogSink log) : log_(std::move(log)) {}
  ConfiguredListeners(const ConfiguredListeners&) = delete;
  ConfiguredListeners& operator=(const ConfiguredListeners&) = delete;

  /// Registers them on `node`, in their order. `config` naming the section that the node refuses.
  [[nodiscard]] peers::Outcome<void> start(Node& node, const std::vector<ListenerSpec>& listeners);

  /// Programs that run have 4 s to end by themselves, then they get TERM, and 5 s later KILL; no new one
  /// starts after these 4 s. To be called before the node stops, so that its 10 s for running calls are
  /// enough. Thread-safe.
  void stop();

  /// `evmesh_configured_listener_events_total{listener="NAME"}` of those that count. Thread-safe.
  [[nodiscard]] std::map<std::string, std::uint64_t> counters() const;

 private:
  struct Count {
    explicit Count(std::string of) : name(std::move(of)) {}

    const std::string name;
    std::atomic<std::uint64_t> events{0};
  };

  [[nodiscard]] std::shared_ptr<Listener> make(const ListenerSpec& spec);
  void await_receipts() const;
  [[nodiscard]] Result<void> add(Node& node, const ListenerSpec& spec);

  const LogSink log_;
  std::string node_name_;
  ChildrenStop children_;
  std::list<Count> counts_;  // stable places: listeners keep references
  std::vector<Registration> registrations_;
};

}  // namespace evmesh::daemon
