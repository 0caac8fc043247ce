#include "admin/http.hpp"

#include "event/json_text.hpp"

namespace evmesh::admin {
namespace {

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::event_too_large:
    case ErrorCode::batch_too_large: return 413;
    case ErrorCode::back_pressure:
    case ErrorCode::busy: return 429;
    case ErrorCode::not_found:
    case ErrorCode::unknown_group:
    case ErrorCode::unknown_member: return 404;
    case ErrorCode::group_already_registered:
    case ErrorCode::each_node_refused:
    case ErrorCode::group_in_use:
    case ErrorCode::not_supported: return 409;
    case ErrorCode::storage:
    case ErrorCode::disk_full: return 507;
    case ErrorCode::unknown_outcome: return 504;
    case ErrorCode::too_many_registrations:
    case ErrorCode::closed:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::draining:
    case ErrorCode::cannot_bind:
    case ErrorCode::node_failed: return 503;
    case ErrorCode::invalid_argument:
    case ErrorCode::too_many_keys:
    case ErrorCode::too_deep:
    case ErrorCode::undecodable: return 400;
  }
  return 500;
}

/// What a person can do about it, where the message alone does not say.
std::string_view hint_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::back_pressure: return "peers are slow; send again in a second, or slower";
    case ErrorCode::busy: return "the node is busy; send again in a second";
    case ErrorCode::closed: return "the node is stopping";
    case ErrorCode::disk_full:
      return "make space on the disk of the data directory; work is accepted again by itself";
    case ErrorCode::unknown_outcome:
      return "evmesh event show tells what became of it; do not send it again before";
    case ErrorCode::each_node_refused: return "start the nodes in mode broadcast, or listen on keys";
    case ErrorCode::unknown_group: return "evmesh group ls shows the groups";
    case ErrorCode::group_in_use: return "evmesh group show shows who runs it and what it is owed";
    case ErrorCode::unknown_member: return "evmesh member ls shows the members";
    default: return {};
  }
}

}  // namespace

Response error_response(int status, std::string_view code, std::string_view message, std::string_view hint) {
  std::string body = R"({"error":{"code":)";
  event::append_json_string(body, code);
  body += R"(,"message":)";
  event::append_json_string(body, message);
  if (!hint.empty()) {
    body += R"(,"hint":)";
    event::append_json_string(body, hint);
  }
  body += "}}\n";
  Response response{status, std::move(body)};
  if (status == 429 || status == 503) response.headers["Retry-After"] = "1";
  return response;
}

Response error_response(const Error& error) {
  return error_response(status_of(error.code), to_string(error.code), error.message, hint_of(error.code));
}

}  // namespace evmesh::admin
