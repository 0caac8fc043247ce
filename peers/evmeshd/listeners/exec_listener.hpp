#pragma once

#include <string>

#include <evmesh/listener.hpp>
#include <evmesh/log.hpp>

#include "evmeshd/listeners/child.hpp"
#include "evmeshd/listeners/listener_spec.hpp"

namespace evmesh::daemon {

/// Runs a program for each event: its JSON, as `evmesh listen -o jsonl` prints it, on standard input,
/// `EVMESH_EVENT_*` in the environment. `outcome_of` says what its end means; what failed is logged.
/// Thread-safe.
class ExecListener {
 public:
  /// What all of a node share; outlives the listener.
  struct Context {
    const ChildrenStop& stop;
    const LogSink& log;
    const std::string& node_name;
  };

  ExecListener(ListenerSpec spec, Context context) : spec_(std::move(spec)), context_(context) {}

  [[nodiscard]] Outcome handle(const Delivery& delivery) const;

 private:
  void log_failure(const Delivery& delivery, const Outcome& outcome) const;

  const ListenerSpec spec_;
  const Context context_;
};

}  // namespace evmesh::daemon
