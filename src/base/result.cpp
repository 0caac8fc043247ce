#include <evmesh/result.hpp>

namespace evmesh {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::event_too_large: return "event_too_large";
    case ErrorCode::too_many_keys: return "too_many_keys";
    case ErrorCode::batch_too_large: return "batch_too_large";
    case ErrorCode::too_many_registrations: return "too_many_registrations";
    case ErrorCode::group_already_registered: return "group_already_registered";
    case ErrorCode::unknown_group: return "unknown_group";
    case ErrorCode::each_node_refused: return "each_node_refused";
    case ErrorCode::back_pressure: return "back_pressure";
    case ErrorCode::busy: return "busy";
    case ErrorCode::too_deep: return "too_deep";
    case ErrorCode::draining: return "draining";
    case ErrorCode::closed: return "closed";
    case ErrorCode::deadline_exceeded: return "deadline_exceeded";
    case ErrorCode::not_supported: return "not_supported";
    case ErrorCode::unknown_member: return "unknown_member";
    case ErrorCode::cannot_bind: return "cannot_bind";
    case ErrorCode::storage: return "storage";
    case ErrorCode::undecodable: return "undecodable";
    case ErrorCode::disk_full: return "disk_full";
    case ErrorCode::unknown_outcome: return "unknown_outcome";
    case ErrorCode::group_in_use: return "group_in_use";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::node_failed: return "node_failed";
  }
  return "unknown_error";
}

}  // namespace evmesh
