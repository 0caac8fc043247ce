#include <utility>

#include "bus/bus.hpp"

namespace evmesh::bus {
namespace {

/// The runner gives its thread back after this many dispatches, so that others get their turn.
constexpr int dispatches_per_turn = 64;

}  // namespace

Result<void> Bus::dispatch_async(Event event, std::vector<RegistrationKey> keys,
                                 std::function<void(Result<Receipt>)> done) {
  if (closed_) return tl::unexpected(closed_error());
  const delivery::Activity::Use use(activity_);
  if (closed_) return tl::unexpected(closed_error());
  if (auto checked = check(event, keys); !checked) {
    refused_.add();
    return checked;
  }
  const std::lock_guard lock(async_mutex_);
  if (async_.size() >= settings_.async_dispatches_max) {
    busy_.add();
    return fail(ErrorCode::busy,
                std::to_string(async_.size()) + " asynchronous dispatches wait already; try again later");
  }
  async_.push_back({std::move(event), std::move(keys), std::move(done)});
  activity_.begin();
  if (!async_scheduled_) {
    // Shares the ownership of the bus: what is scheduled keeps it alive.
    async_scheduled_ =
        services_.pool.submit(std::shared_ptr<delivery::Runnable>(shared_from_this(), &async_runner_));
  }
  return {};
}

std::optional<Bus::AsyncDispatch> Bus::next_async() {
  const std::lock_guard lock(async_mutex_);
  if (async_.empty()) {
    async_scheduled_ = false;
    return std::nullopt;
  }
  AsyncDispatch next = std::move(async_.front());
  async_.pop_front();
  return next;
}

void Bus::run_async() {
  for (int count = 0; count < dispatches_per_turn; ++count) {
    auto dispatch = next_async();
    if (!dispatch) return;
    // Accepted before the bus was closed, so it is not refused for that; but nothing runs after stop.
    answer_async(*dispatch,
                 stopped_ ? tl::unexpected(closed_error()) : dispatch_now(dispatch->event, dispatch->keys));
    activity_.end();
  }
  const std::lock_guard lock(async_mutex_);
  async_scheduled_ =
      services_.pool.submit(std::shared_ptr<delivery::Runnable>(shared_from_this(), &async_runner_));
}

void Bus::answer_async(AsyncDispatch& dispatch, const Result<Receipt>& result) {
  if (dispatch.done) {
    runner_.call_back("dispatch_async", [&] { dispatch.done(result); });
  } else if (!result) {
    runner_.log(LogLevel::warning, "dispatch_async_failed",
                {{"event_id", dispatch.event.id().to_string()},
                 {"type", dispatch.event.type()},
                 {"error", result.error().message}});
  }
}

}  // namespace evmesh::bus
