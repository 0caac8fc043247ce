#include "delivery/runner.hpp"

#include <exception>
#include <utility>

#include "base/log_sink.hpp"

namespace evmesh::delivery {
namespace {

/// Calls `function`; what it throws comes back as text, which is empty when it did not throw.
template <class Function>
std::string caught(Function&& function) noexcept {
  try {
    std::forward<Function>(function)();
    return {};
  } catch (const std::exception& error) {
    try {
      const std::string what = error.what();
      return what.empty() ? "exception without text" : what;
    } catch (...) {
      return "exception";  // short enough to need no memory
    }
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

Runner::Runner(const NodeMark& node, std::string bus, LogSink log, base::Counters& counters, Complete complete)
    : node_(node),
      bus_(std::move(bus)),
      log_(std::move(log)),
      complete_(std::move(complete)),
      calls_(counters.named("evmesh_listener_calls_total")),
      failures_(counters.named("evmesh_listener_failures_total")),
      gaps_(counters.named("evmesh_listener_gaps_total")),
      undecodable_(counters.named("evmesh_events_undecodable_total")) {}

Ran Runner::run(Listener& listener, const Delivery& delivery, unsigned depth) const {
  Ran ran;
  const CallScope scope(node_, depth);
  ran.error = caught([&] {
    if (!listener.handles(delivery.event)) {
      ran.ending = Ending::skipped;
      return;
    }
    calls_.add();
    ran.outcome = listener.handle(delivery);
  });
  if (!ran.error.empty()) {
    ran.ending = Ending::failed;
    failed(listener, delivery, ran.error);
  }
  return ran;
}

void Runner::gap(Listener& listener, const Gap& gap) const {
  gaps_.add();
  const CallScope scope(node_, 1);
  const std::string error = caught([&] { listener.gap(gap); });
  if (error.empty()) return;
  failures_.add();
  log(LogLevel::error, "delivery_failed",
      {{"listener", name_of(listener)}, {"gap", std::string(to_string(gap.reason))}, {"error", error}});
}

void Runner::call_back(std::string_view what, const std::function<void()>& callback) const {
  if (!callback) return;
  const CallScope scope(node_, 1);
  const std::string error = caught(callback);
  if (error.empty()) return;
  failures_.add();
  log(LogLevel::error, "callback_failed", {{"callback", std::string(what)}, {"error", error}});
}

ExecutionMode Runner::mode_of(const Listener& listener) const {
  ExecutionMode mode = ExecutionMode::synchronous;
  caught([&] { mode = listener.execution_mode(); });
  return mode;
}

std::string Runner::name_of(const Listener& listener) const {
  std::string name = "listener";
  caught([&] { name = listener.name(); });
  return name;
}

void Runner::undecodable(const Origin& origin, const Error& error) const {
  undecodable_.add();
  log(LogLevel::error, "event_undecodable",
      {{"peer", origin.publisher.to_string()},
       {"seq", std::to_string(origin.seq)},
       {"error", error.message}});
}

void Runner::log(LogLevel level, std::string_view message,
                 std::vector<std::pair<std::string, std::string>> fields) const {
  if (!log_) return;
  if (!bus_.empty()) fields.emplace(fields.begin(), "bus", bus_);
  base::log(log_, level, message, std::move(fields));
}

void Runner::failed(const Listener& listener, const Delivery& delivery, std::string_view error) const {
  failures_.add();
  if (!log_) return;
  base::LogFields fields{{"event_id", delivery.event.id().to_string()},
                         {"type", delivery.event.type()},
                         {"user", delivery.event.user()},
                         {"listener", name_of(listener)}};
  if (delivery.key != nullptr) fields.emplace_back("key", delivery.key->to_string());
  if (delivery.group != nullptr) {
    fields.emplace_back("group", delivery.group->to_string());
    fields.emplace_back("attempt", std::to_string(delivery.attempt));
  }
  fields.emplace_back("error", error);
  log(LogLevel::error, "delivery_failed", std::move(fields));
}

}  // namespace evmesh::delivery
