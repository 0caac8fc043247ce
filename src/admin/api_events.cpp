// The route that dispatches events.
#include <algorithm>

#include "base/limits.hpp"

#include "admin/answers.hpp"
#include "admin/api.hpp"
#include "admin/posted.hpp"
#include "admin/query.hpp"

namespace evmesh::admin {
namespace {

constexpr std::uint64_t wait_seen_ms_max = 60'000;

}  // namespace

Response Api::dispatch(const Request& request) {
  const auto query = Query::read(request.query, {"bus", "wait_seen"});
  if (!query) return error_response(query.error());
  const auto wait = query->number("wait_seen", 0, 0, wait_seen_ms_max);
  if (!wait) return error_response(wait.error());
  if (auto refusal = refuse_other_types(request)) return std::move(*refusal);
  const auto bus = bus_of(node_, query->text("bus"));
  if (!bus) return error_response(bus.error());
  const auto events = read_posted(request.body);
  if (!events) return error_response(events.error());

  const auto receipt = events->size() == 1 ? (*bus)->dispatch(events->front().event, events->front().keys)
                                           : (*bus)->dispatch(std::span<const KeyedEvent>(*events));
  if (!receipt) return error_response(receipt.error());

  DispatchAnswer answer;
  for (const KeyedEvent& event : *events) answer.event_ids.push_back(event.event.id().to_string());
  answer.bus = (*bus)->name();
  answer.receipt = *receipt;
  // Without time to wait the answer still names the interested nodes.
  if (query->text("wait_seen") && !receipt->noop) {
    answer.seen = (*bus)->wait_seen(*receipt, std::chrono::milliseconds(static_cast<std::int64_t>(*wait)));
  }
  return {202, receipt_json(answer)};
}

Response Api::seen(const Request& request) const {
  const auto query = Query::read(request.query, {"bus", "first", "last", "wait_seen"});
  if (!query) return error_response(query.error());
  const auto wait = query->number("wait_seen", 0, 0, wait_seen_ms_max);
  if (!wait) return error_response(wait.error());
  const auto last = query->number("last", 0, 0, UINT64_MAX);
  if (!last) return error_response(last.error());
  // As many as one request can have dispatched.
  const std::uint64_t lowest = *last - std::min<std::uint64_t>(*last, limits::batch_events_max);
  const auto first = query->number("first", *last, lowest, *last);
  if (!first) return error_response(first.error());
  const auto bus = bus_of(node_, query->text("bus"));
  if (!bus) return error_response(bus.error());
  Receipt receipt;
  receipt.first_seq = *first;
  receipt.seq = *last;
  return {200,
          seen_json((*bus)->wait_seen(receipt, std::chrono::milliseconds(static_cast<std::int64_t>(*wait))))};
}

}  // namespace evmesh::admin
