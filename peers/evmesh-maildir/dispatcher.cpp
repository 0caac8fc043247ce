#include "evmesh-maildir/dispatcher.hpp"

#include <utility>

#include <nlohmann/json.hpp>

#include "common/files.hpp"

namespace evmesh::maildir {
namespace {

using peers::ExitCode;
using peers::HttpFailure;

tl::unexpected<Trouble> trouble(Trouble::Where where, ExitCode code, std::string message) {
  return tl::unexpected(Trouble{where, {code, std::move(message)}});
}

bool passes(int status) {
  return status == 408 || status == 425 || status == 429 || (status >= 500 && status < 600);
}

std::string without_answer(const HttpFailure& failure) {
  return "the node cannot be reached: " + failure.message +
         "; is evmeshd running, and is --socket its admin.sock?";
}

}  // namespace

std::string request_item(const OutgoingEvent& event) {
  std::string item = R"({"event":)" + event.event;
  return item.append(R"(,"keys":)").append(nlohmann::json(event.keys).dump()) + '}';
}

std::string request_body(const Batch& batch) {
  std::string body;
  for (const OutgoingEvent& event : batch.events) {
    body.append(1, body.empty() ? '[' : ',').append(request_item(event));
  }
  return body + ']';
}

tl::expected<void, Trouble> judge(const peers::HttpResponse& response, const peers::ServerAddress& server) {
  if (response.status >= 200 && response.status < 300) return {};
  const peers::ApiError error = peers::parse_api_error(response);
  std::string message = "the node at " + server.to_string() + " answered " + std::to_string(response.status) +
                        ": " + (error.code.empty() ? "" : error.code + ": ") + error.message +
                        (error.hint.empty() ? "" : "; " + error.hint);
  if (passes(response.status)) return trouble(Trouble::Where::node, ExitCode::try_again, std::move(message));
  const bool forbidden = response.status == 401 || response.status == 403;
  return trouble(Trouble::Where::refused, forbidden ? ExitCode::refused : ExitCode::data, std::move(message));
}

NodeDispatcher::NodeDispatcher(Options options) : options_(std::move(options)), client_(options_.server) {}

tl::expected<void, Trouble> NodeDispatcher::dispatch(const Batch& batch) {
  peers::HttpRequest request;
  request.method = "POST";
  request.target = "/api/v1/events?bus=" + options_.bus;
  request.body = request_body(batch);
  request.timeout = options_.timeout;
  request.cancelled = options_.cancelled;
  auto response = client_.send(request);
  if (response) return judge(*response, options_.server);
  const bool timed_out = response.error().kind == HttpFailure::Kind::timed_out;
  return trouble(Trouble::Where::node, timed_out ? ExitCode::try_again : ExitCode::unavailable,
                 without_answer(response.error()));
}

tl::expected<void, Trouble> PrintDispatcher::dispatch(const Batch& batch) {
  std::string lines;
  for (const OutgoingEvent& event : batch.events) lines.append(request_item(event)).append(1, '\n');
  const int error = peers::write_fully(fd_, lines);
  if (error == 0) return {};
  return trouble(Trouble::Where::refused, ExitCode::io,
                 "cannot write to standard output: " + peers::errno_text(error));
}

}  // namespace evmesh::maildir
