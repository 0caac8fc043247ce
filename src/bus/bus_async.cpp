#include <algorithm>
#include <utility>

#include "bus/bus.hpp"

namespace evmesh::bus {
namespace {

/// The runner gives its thread back after this many dispatches, so that others get their turn; more of those
/// that are only numbered and owed, in one go: the fewer goes, the less each costs.
constexpr std::size_t dispatches_per_turn = 64;
constexpr std::size_t together_per_turn = 512;

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

/// A dispatch on its way to be owed together with others.
struct Bus::Owed {
  explicit Owed(AsyncDispatch moved) : dispatch(std::move(moved)) {}

  /// As the mesh may have it.
  [[nodiscard]] const Event& sent() const { return made ? *made : dispatch.event; }

  AsyncDispatch dispatch;
  std::optional<Event> made;
  Owing owing{};  // no parcel when nothing happened
  std::uint64_t seq = 0;
  std::uint32_t interested = 0;
};

void Bus::run() {
  // Accepted before the bus was closed, so they are not refused for that; but nothing runs after stop.
  const auto groups = required();
  const bool together = goes_together(*groups);
  auto batch = async_.take(together ? together_per_turn : dispatches_per_turn, limits::batch_bytes_max);
  if (together) {
    finish_together(std::move(batch), groups);
  } else {
    for (AsyncDispatch& dispatch : batch) finish_async(std::move(dispatch));
  }
  async_.come_again([this] {
    return services_.pool.submit_next(std::shared_ptr<delivery::Runnable>(shared_from_this(), this));
  });
}

/// Whether dispatches only have to be owed to groups that run elsewhere than in this thread; in a mesh no
/// group may refuse what others have got by then.
bool Bus::goes_together(const Groups& groups) const {
  return !groups.empty() && std::ranges::none_of(groups, [this](const Required& each) {
    return (each.runner && awaited(*each.runner)) || (settings_.uplink != nullptr && each.refuses);
  });
}

/// Answers when the level is reached, without keeping this thread for it.
void Bus::finish_async(AsyncDispatch dispatch) {
  auto done = stopped_ ? tl::unexpected(closed_error()) : dispatch_now(dispatch.event, dispatch.keys);
  if (!done) return answer_async(dispatch, tl::unexpected(std::move(done.error())));
  answer_when_safe({{std::move(dispatch), done->receipt}}, done->end);
}

/// As many `finish_async`, and all are numbered and owed in one go.
void Bus::finish_together(std::vector<AsyncDispatch> batch, const std::shared_ptr<const Groups>& groups) {
  std::vector<Owed> owed;
  owed.reserve(batch.size());
  for (AsyncDispatch& dispatch : batch) {
    Owed& each = owed.emplace_back(std::move(dispatch));
    auto prepared = stopped_ ? tl::unexpected(closed_error()) : prepare(each, groups);
    if (prepared && each.owing.parcel) continue;
    if (prepared) {
      answer_async(each.dispatch, Receipt{.event_id = each.dispatch.event.id(), .noop = true});
    } else {
      answer_async(each.dispatch, refused(std::move(prepared.error())));
    }
    owed.pop_back();
  }
  if (owed.empty()) return;
  if (!publish_together(owed)) {
    // Each has its own time to wait for slow peers, and its own answer.
    for (Owed& each : owed) finish_async(std::move(each.dispatch));
    return;
  }
  accept_together(owed, *groups);
}

/// What groups and peers are to get.
Result<void> Bus::prepare(Owed& owed, const std::shared_ptr<const Groups>& groups) {
  const Event& event = owed.dispatch.event;
  const auto left_out = leave_out(event);
  if (!left_out) return tl::unexpected(left_out.error());
  if (*left_out) return {};
  if (undecoded(event)) owed.dispatch.event = services_.decoders->decoded(event);
  if (settings_.uplink != nullptr) {
    auto sent = rules_.measured(event, owed.made);
    if (!sent) return tl::unexpected(std::move(sent.error()));
  }
  const bool runs_here = std::ranges::any_of(*groups, [](const Required& each) { return each.runner != nullptr; });
  auto owing = owe(event, owed.dispatch.keys, groups, runs_here);
  if (!owing) return tl::unexpected(std::move(owing.error()));
  owed.owing = std::move(*owing);
  return {};
}

/// Gives them to the peers, and the numbers that follow each other; in a mesh only. False: nobody got
/// anything.
bool Bus::publish_together(std::span<Owed> owed) {
  if (settings_.uplink == nullptr) return true;
  std::vector<Uplink::Outgoing> events;
  events.reserve(owed.size());
  for (const Owed& each : owed) events.push_back({&each.sent(), each.dispatch.keys});
  std::vector<std::uint32_t> interested(owed.size());
  const auto published = publish(events, interested);
  if (!published) return false;
  for (std::size_t at = 0; at < owed.size(); ++at) {
    owed[at].seq = published->seq - (owed.size() - 1) + at;
    owed[at].interested = interested[at];
  }
  return true;
}

void Bus::accept_together(std::span<Owed> owed, const Groups& groups) {
  std::vector<work::GroupIndex> indices;
  for (const Required& each : groups) indices.push_back(each.index);
  std::vector<WorkEngine::Offer> offers;
  offers.reserve(owed.size());
  for (Owed& each : owed) offers.push_back({each.dispatch.event.id(), std::move(each.owing.parcel), {}});
  services_.work.accept(settings_.name, std::move(indices), offers);
  std::vector<Answer> answers;
  answers.reserve(owed.size());
  work::Position end = 0;
  for (std::size_t at = 0; at < owed.size(); ++at) {
    auto done = deliver_accepted(owed[at], std::move(offers[at].accepted));
    if (!done) {
      answer_async(owed[at].dispatch, refused(std::move(done.error())));
      continue;
    }
    end = std::max(end, done->end);
    answers.push_back({std::move(owed[at].dispatch), done->receipt});
  }
  answer_when_safe(std::move(answers), end);
}

/// The rest of a dispatch whose group work has been accepted.
Result<Bus::Done> Bus::deliver_accepted(const Owed& owed, Result<work::Accepted> accepted) {
  if (!accepted) return tl::unexpected(std::move(accepted.error()));
  const AsyncDispatch& dispatch = owed.dispatch;
  auto done = deliver_here(dispatch.event, dispatch.keys, owed.seq, {});
  if (!done) return done;
  dispatched_.add();
  done->end = accepted->end;
  Receipt& receipt = done->receipt;
  receipt.event_id = dispatch.event.id();
  receipt.seq = receipt.first_seq = owed.seq;
  receipt.interested = owed.interested;
  receipt.dispatch = accepted->id;
  receipt.groups = static_cast<std::uint32_t>(owed.owing.groups->size());
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
