#include <utility>

#include "bus/bus.hpp"

namespace evmesh::bus {
namespace {

/// The runner gives its thread back after this many dispatches, so that others get their turn.
constexpr int dispatches_per_turn = 64;

}  // namespace

Result<void> Bus::dispatch_async(Event event, std::vector<RegistrationKey> keys,
                                 std::function<void(Result<Receipt>)> done) {
  if (auto good = accepting(); !good) return good;
  const delivery::Activity::Use use(activity_);
  if (closed_) return tl::unexpected(closed_error());
  if (auto checked = rules_.check(event, keys); !checked) return refused(std::move(checked.error()));
  activity_.begin();
  auto added =
      async_.add({std::move(event), std::move(keys), std::move(done)}, [this] { return start_async(); });
  if (added) return {};
  activity_.end();
  return refused(std::move(added.error()));
}

bool Bus::start_async() {
  // Shares the ownership of the bus: what is scheduled keeps it alive.
  return services_.pool.submit(std::shared_ptr<delivery::Runnable>(shared_from_this(), this));
}

void Bus::run() {
  for (int count = 0; count < dispatches_per_turn; ++count) {
    auto dispatch = async_.take();
    if (!dispatch) return;
    // Accepted before the bus was closed, so it is not refused for that; but nothing runs after stop.
    finish_async(std::move(*dispatch));
  }
  async_.come_again([this] { return start_async(); });
}

/// Answers when the level is reached, without keeping this thread for it.
void Bus::finish_async(AsyncDispatch dispatch) {
  auto done = stopped_ ? tl::unexpected(closed_error()) : dispatch_now(dispatch.event, dispatch.keys);
  if (!done || done->end == 0 || settings_.level == Level::memory) {
    answer_async(dispatch, done.map([](const Done& each) { return each.receipt; }));
    activity_.end();
    return;
  }
  const auto waiting = std::make_shared<AsyncDispatch>(std::move(dispatch));
  const auto answer = [self = shared_from_this(), waiting, receipt = done->receipt](Result<void> synced) {
    self->answer_async(*waiting, answer_of(receipt, std::move(synced)));
    self->activity_.end();
  };
  services_.work.when_synced(done->end, answer);
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
