#pragma once

#include <evmesh/codec.hpp>
#include <evmesh/log.hpp>

#include "base/counters.hpp"

namespace evmesh::bus {

/// Gives events of own types the objects that listeners work with. Thread-safe as the decoders.
class Decoders {
 public:
  /// `counters` outlives it.
  Decoders(BodyDecoders by_type, LogSink log, base::Counters& counters);

  /// Whether there is something to decode: it has bytes, a decoder, and no object yet.
  [[nodiscard]] bool want(const Event& event) const {
    return !by_type_.empty() && !event.body() && !event.object() && !event.undecodable() &&
           by_type_.contains(event.type());
  }

  /// The event with its object, or with why there is none, which is counted and logged; as it is when nothing is to be
  /// decoded.
  [[nodiscard]] Event decoded(Event event) const;

 private:
  const BodyDecoders by_type_;
  const LogSink log_;
  base::Counter& failed_;
};

}  // namespace evmesh::bus
