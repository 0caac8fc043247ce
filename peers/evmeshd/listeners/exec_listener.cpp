#include "evmeshd/listeners/exec_listener.hpp"

#include <utility>
#include <vector>

#include "admin/stream.hpp"
#include "base/log_sink.hpp"

#include "evmeshd/listeners/event_fields.hpp"
#include "evmeshd/listeners/exec_outcome.hpp"

namespace evmesh::daemon {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

Variables variables_of(const Delivery& delivery, const std::string& bus, const std::string& node) {
  const Event& event = delivery.event;
  return {{"EVMESH_EVENT_ID", event.id().to_string()},
          {"EVMESH_EVENT_TYPE", event.type()},
          {"EVMESH_EVENT_USER", event.user()},
          {"EVMESH_EVENT_BUS", bus},
          {"EVMESH_EVENT_GROUP", delivery.group == nullptr ? "" : delivery.group->to_string()},
          {"EVMESH_EVENT_KEY", delivery.key == nullptr ? "" : delivery.key->to_string()},
          {"EVMESH_EVENT_ATTEMPT", std::to_string(delivery.attempt)},
          {"EVMESH_EVENT_POSSIBLY_DUPLICATE", delivery.possibly_duplicate ? "1" : "0"},
          {"EVMESH_EVENT_NODE", node}};
}

}  // namespace

Outcome ExecListener::handle(const Delivery& delivery) const {
  const std::string input = admin::stream_line(delivery, spec_.bus) + '\n';
  const Variables variables = variables_of(delivery, spec_.bus, context_.node_name);
  const ChildEnd end = run_child({spec_.command, spec_.directory, input, variables},
                                 {.timeout = spec_.timeout, .stop = context_.stop, .at_once = delivery.stop});
  Outcome outcome = outcome_of(end, spec_.command.front(), spec_.timeout);
  if (outcome.kind() != Outcome::Kind::done) log_failure(delivery, outcome);
  return outcome;
}

/// A failed attempt of a group comes again or becomes a dead letter; of a notification this line is all that
/// stays.
void ExecListener::log_failure(const Delivery& delivery, const Outcome& outcome) const {
  auto fields = event_fields(delivery, spec_);
  const bool not_run = outcome.kind() == Outcome::Kind::unknown_type;
  fields.emplace_back("error", not_run ? "not run because the node stops" : outcome.reason());
  base::log(context_.log, delivery.group == nullptr ? LogLevel::warning : LogLevel::info, "exec_failed",
            std::move(fields));
}

}  // namespace evmesh::daemon
