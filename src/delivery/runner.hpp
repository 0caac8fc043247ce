#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/listener.hpp>
#include <evmesh/log.hpp>
#include <evmesh/result.hpp>

#include "base/counters.hpp"
#include "delivery/call_scope.hpp"

namespace evmesh::delivery {

/// How a call of a listener ended.
enum class Ending : std::uint8_t {
  skipped,  ///< the listener does not handle the event
  done,     ///< it ran
  failed,   ///< it threw
};

/// What a call came to. Value.
struct Ran {
  Ending ending = Ending::done;
  Outcome outcome;    ///< what the listener said, when done
  std::string error;  ///< what it threw, when failed
};

/// Runs listeners: the one place where their exceptions are caught. Nothing thrown by a listener, by its
/// prefilter or by an application's callback leaves it; each is logged and counted. Thread-safe.
class Runner {
 public:
  /// What listeners are to get of an event that came over the mesh. Does not throw; thread-safe.
  using Complete = std::function<Event(Event)>;

  /// `node`, `counters` outlive the runner. `bus` is empty for what concerns a whole node; `complete` empty: as it came.
  Runner(const NodeMark& node, std::string bus, LogSink log, base::Counters& counters, Complete complete = {});

  /// Asks the prefilter, then calls `handle`. `depth` as in CallScope.
  [[nodiscard]] Ran run(Listener& listener, const Delivery& delivery, unsigned depth) const;

  /// Calls `listener.gap`.
  void gap(Listener& listener, const Gap& gap) const;

  /// Runs an application's callback, for example the end of an unregistration. Counts as a listener call.
  void call_back(std::string_view what, const std::function<void()>& callback) const;

  /// What the listener says of itself; a listener that throws here is synchronous and called "listener".
  [[nodiscard]] ExecutionMode mode_of(const Listener& listener) const;
  [[nodiscard]] std::string name_of(const Listener& listener) const;

  [[nodiscard]] Event completed(Event event) const { return complete_ ? complete_(std::move(event)) : event; }

  /// Logs and counts bytes from the mesh that hold no event.
  void undecodable(const Origin& origin, const Error& error) const;

  /// How deep this thread is in listener calls of the node; 0 outside.
  [[nodiscard]] unsigned depth() const noexcept { return CallScope::depth(node_); }

  /// Logs with the bus's name as first field, if it has one.
  void log(LogLevel level, std::string_view message,
           std::vector<std::pair<std::string, std::string>> fields) const;

 private:
  void failed(const Listener& listener, const Delivery& delivery, std::string_view error) const;

  const NodeMark& node_;
  std::string bus_;
  LogSink log_;
  Complete complete_;
  base::Counter& calls_;
  base::Counter& failures_;
  base::Counter& gaps_;
  base::Counter& undecodable_;
};

}  // namespace evmesh::delivery
