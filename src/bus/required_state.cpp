#include "bus/required_state.hpp"

#include "bus/json_fields.hpp"

namespace evmesh::bus {

std::string required_document(const RequiredState& state) {
  JsonWriter json;
  json.flag("critical", state.critical);
  if (state.paused) json.texts("paused", {*state.paused});
  return json.done();
}

RequiredState read_required(std::string_view document) {
  RequiredState state;
  if (document.empty()) return state;
  JsonReader json(document);
  state.critical = json.flag("critical");
  for (const std::string& reason : json.texts("paused")) state.paused = reason;
  return json.finish() ? state : RequiredState();
}

}  // namespace evmesh::bus
