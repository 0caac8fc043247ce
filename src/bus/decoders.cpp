#include "bus/decoders.hpp"

#include <utility>

#include "base/log_sink.hpp"

namespace evmesh::bus {

Decoders::Decoders(BodyDecoders by_type, LogSink log, base::Counters& counters)
    : by_type_(std::move(by_type)),
      log_(std::move(log)),
      failed_(counters.named("evmesh_event_objects_undecodable_total")) {}

Event Decoders::decoded(Event event) const {
  if (!want(event)) return event;
  event = evmesh::decoded(event, by_type_.at(event.type()));
  if (const auto error = event.undecodable()) {
    failed_.add();
    base::log(log_, LogLevel::warning, "event_object_undecodable",
              {{"event_id", event.id().to_string()}, {"type", event.type()}, {"error", error->message}});
  }
  return event;
}

}  // namespace evmesh::bus
