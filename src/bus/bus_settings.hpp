#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <evmesh/ids.hpp>
#include <evmesh/log.hpp>
#include <evmesh/node.hpp>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/limits.hpp"
#include "base/random.hpp"
#include "bus/decoders.hpp"
#include "bus/uplink.hpp"
#include "delivery/call_scope.hpp"
#include "delivery/pool.hpp"
#include "delivery/timers.hpp"

namespace evmesh::bus {

class WorkEngine;

/// What all buses of a node share; outlives them.
struct NodeServices {
  const base::Clock& clock;
  base::Random& random;  ///< thread-safe
  delivery::Pool& pool;
  delivery::Timers& timers;
  base::Counters& counters;
  WorkEngine& work;
  const delivery::NodeMark& mark;
  std::atomic<std::uint64_t>& keys_held;  ///< distinct keys of all buses together
  LogSink log;                            ///< takes one record at a time
  const Decoders* decoders = nullptr;     ///< null: none
};

struct BusSettings {
  Level level = Level::memory;  ///< memory or disk: what dispatch waits for
  std::string name = "events";
  Mode mode = Mode::mono;
  DeliveryModel delivery = DeliveryModel::mixed;
  std::uint64_t event_size_bytes_max = limits::event_size_bytes_default;
  PayloadFormat payload = PayloadFormat::binary;  ///< of bodies, for peers
  NodeId self{};             ///< nil in mono
  std::uint64_t epoch = 0;   ///< 0 in mono
  bool execute_groups = true;
  Uplink* uplink = nullptr;  ///< null in mono; stays until `detach` has returned
  std::size_t async_dispatches_max = limits::async_dispatches_max;
  std::uint64_t async_bytes_max = limits::async_bytes_max;
  std::size_t keys_max = limits::keys_per_node_max;
};

}  // namespace evmesh::bus
