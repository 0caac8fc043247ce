#include <algorithm>
#include <utility>

#include "bus/bus.hpp"

namespace evmesh::bus {
namespace {

/// The runner gives its thread back after this many dispatches, so that others get their turn.
constexpr std::size_t dispatches_per_turn = 64;

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
  // Accepted before the bus was closed, so they are not refused for that; but nothing runs after stop.
  auto batch = async_.take(dispatches_per_turn);
  const auto groups = required();
  if (goes_together(*groups)) {
    finish_together(std::move(batch), groups);
  } else {
    for (AsyncDispatch& dispatch : batch) finish_async(std::move(dispatch));
  }
  async_.come_again([this] { return start_async(); });
}

/// Whether dispatches only have to be owed to groups that run elsewhere than in this thread, and need no
/// numbers.
bool Bus::goes_together(const Groups& groups) const {
  if (settings_.uplink != nullptr) return false;
  return !groups.empty() && std::ranges::none_of(groups, [this](const Required& each) {
    return each.runner && awaited(*each.runner);
  });
}

/// Answers when the level is reached, without keeping this thread for it.
void Bus::finish_async(AsyncDispatch dispatch) {
  auto done = stopped_ ? tl::unexpected(closed_error()) : dispatch_now(dispatch.event, dispatch.keys);
  if (!done) return answer_async(dispatch, tl::unexpected(std::move(done.error())));
  answer_when_safe({{std::move(dispatch), done->receipt}}, done->end);
}

/// As many `finish_async`, and all are owed in one go.
void Bus::finish_together(std::vector<AsyncDispatch> batch, const std::shared_ptr<const Groups>& groups) {
  std::vector<AsyncDispatch> owed;
  std::vector<WorkEngine::Offer> offers;
  for (AsyncDispatch& dispatch : batch) {
    auto owing = stopped_ ? tl::unexpected(closed_error()) : prepare(dispatch, groups);
    if (!owing) {
      answer_async(dispatch, refused(std::move(owing.error())));
    } else if (!owing->parcel) {
      answer_async(dispatch, Receipt{.event_id = dispatch.event.id(), .noop = true});
    } else {
      offers.push_back({std::move(owing->parcel), {}});
      owed.push_back(std::move(dispatch));
    }
  }
  if (offers.empty()) return;
  std::vector<work::GroupIndex> indices;
  for (const Required& each : *groups) indices.push_back(each.index);
  services_.work.accept(settings_.name, std::move(indices), offers);
  std::vector<Answer> answers;
  work::Position end = 0;
  for (std::size_t at = 0; at < offers.size(); ++at) {
    auto done = deliver_accepted(owed[at], std::move(offers[at].accepted), groups->size());
    if (!done) {
      answer_async(owed[at], refused(std::move(done.error())));
      continue;
    }
    end = std::max(end, done->end);
    answers.push_back({std::move(owed[at]), done->receipt});
  }
  answer_when_safe(std::move(answers), end);
}

/// What groups are to get; no parcel when nothing happened.
Result<Bus::Owing> Bus::prepare(const AsyncDispatch& dispatch, const std::shared_ptr<const Groups>& groups) {
  const auto left_out = leave_out(dispatch.event);
  if (!left_out) return tl::unexpected(left_out.error());
  if (*left_out) return Owing{};
  return owe(dispatch.event, dispatch.keys, groups);
}

/// The rest of a dispatch whose group work has been accepted.
Result<Bus::Done> Bus::deliver_accepted(const AsyncDispatch& dispatch, Result<work::Accepted> accepted,
                                        std::size_t groups) {
  if (!accepted) return tl::unexpected(std::move(accepted.error()));
  auto done = deliver_here(dispatch.event, dispatch.keys, 0, {});
  if (!done) return done;
  dispatched_.add();
  done->end = accepted->end;
  done->receipt.event_id = dispatch.event.id();
  done->receipt.dispatch = accepted->id;
  done->receipt.groups = static_cast<std::uint32_t>(groups);
  return done;
}

/// Gives the answers of some dispatches on a thread of the pool; where the pool runs nothing any more, on the
/// one that lets go of it.
class Bus::AnswerTurn final : public delivery::Runnable {
 public:
  AnswerTurn(std::shared_ptr<Bus> bus, std::shared_ptr<std::vector<Answer>> answers,
             Result<work::Safety> safety)
      : bus_(std::move(bus)), answers_(std::move(answers)), safety_(std::move(safety)) {}
  ~AnswerTurn() override { run(); }
  void run() override {
    for (Answer& each : *answers_) bus_->answer_async(each.dispatch, answer_of(each.receipt, safety_));
    answers_->clear();
  }

 private:
  const std::shared_ptr<Bus> bus_;
  const std::shared_ptr<std::vector<Answer>> answers_;
  const Result<work::Safety> safety_;
};

/// When the journal is synced up to `end`; at once when that is not promised. Who has synced does not wait
/// for the callbacks, and a callback may wait for the next sync.
void Bus::answer_when_safe(std::vector<Answer> answers, work::Position end) {
  if (answers.empty()) return;
  const auto waiting = std::make_shared<std::vector<Answer>>(std::move(answers));
  if (end == 0 || settings_.level == Level::memory) return AnswerTurn(shared_from_this(), waiting, work::Safety{}).run();
  services_.work.when_safe(end, [self = shared_from_this(), waiting](const Result<work::Safety>& safety) {
    self->services_.pool.submit(std::make_shared<AnswerTurn>(self, waiting, safety));
  });
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
  activity_.end();
}

}  // namespace evmesh::bus
