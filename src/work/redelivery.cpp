#include "work/redelivery.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace evmesh::work {

namespace {

using namespace std::chrono_literals;

/// Letters between two syncs of the state, at most.
constexpr std::size_t batch_max = 256;

/// A slow rate is kept in steps of about this length.
constexpr double steps_per_second = 10;

/// Until what was blocked is tried again.
constexpr auto blocked_wait = 1s;

}  // namespace

RedeliveryTask::RedeliveryTask(RedeliveryState state)
    : state_(std::move(state)),
      unsaved_(!state_.status.over() && !state_.status.started),
      resumed_(!state_.taken.empty()) {}

RedeliveryTask::Step RedeliveryTask::next(base::MonoTime now, Timestamp wall) {
  TaskStatus& status = state_.status;
  if (!status.over() && !status.started) {
    status.started = wall;
    status.state = TaskState::in_progress;
  }
  if (unsaved_) return Save{};
  if (status.over()) return Over{};
  if (due_ > now) return Wait{due_};
  if (!state_.taken.empty()) return Redeliver{state_.taken};
  if (pass_over_ && !state_.last_pass && !state_.late.empty()) {
    state_.last_pass = true;
    state_.after = 0;
    pass_over_ = false;
  }
  if (pass_over_ || all_looked_at()) {
    end(status.failed == 0 ? TaskState::completed : TaskState::failed, wall);
    return Save{};
  }
  asked_ = batch();
  return Look{state_.after, state_.upper, asked_};
}

bool RedeliveryTask::all_looked_at() const {
  const Redelivery& order = state_.status.order;
  return order.limit != 0 && state_.status.looked_at >= order.limit;
}

std::size_t RedeliveryTask::batch() const {
  const double rate = state_.status.order.per_second;
  if (rate <= 0) return batch_max;
  return static_cast<std::size_t>(std::clamp(rate / steps_per_second, 1.0, double{batch_max}));
}

void RedeliveryTask::looked(base::MonoTime now, std::span<const Letter> letters) {
  TaskStatus& status = state_.status;
  for (const Letter& letter : letters) {
    if (all_looked_at()) break;
    state_.after = letter.number;
    const bool late = std::ranges::find(state_.late, letter.place) != state_.late.end();
    if (late != state_.last_pass) continue;
    ++status.looked_at;
    if (status.order.dry_run) {
      ++status.redelivered;
    } else {
      state_.taken.push_back(letter.number);
    }
  }
  pass_over_ = letters.size() < asked_ || state_.after >= state_.upper;
  unsaved_ = !state_.taken.empty();
  spend(now, state_.taken.size());
}

/// The first batch goes at once, each next one as much later as its letters are worth.
void RedeliveryTask::spend(base::MonoTime now, std::size_t letters) {
  const double rate = state_.status.order.per_second;
  if (rate <= 0 || letters == 0) return;
  paid_until_ = std::max(paid_until_, now);
  due_ = paid_until_;
  paid_until_ += std::chrono::duration_cast<base::MonoTime::duration>(
      std::chrono::duration<double>(static_cast<double>(letters) / rate));
}

void RedeliveryTask::redelivered(base::MonoTime now, std::span<const Result> results) {
  std::vector<std::uint64_t> blocked;
  for (std::size_t at = 0; at < results.size() && at < state_.taken.size(); ++at) {
    if (results[at].kind == Result::Kind::blocked) blocked.push_back(state_.taken[at]);
    count(results[at]);
  }
  state_.taken = std::move(blocked);
  if (!state_.taken.empty()) {
    due_ = now + blocked_wait;
    return;
  }
  // What an earlier life had chosen and this one put back is paid for now.
  const auto put_back = std::ranges::count(results, Result::Kind::owed, &Result::kind);
  if (std::exchange(resumed_, false)) spend(now, static_cast<std::size_t>(put_back));
  if (state_.status.failed == 0) state_.status.note.clear();
}

void RedeliveryTask::count(const Result& result) {
  TaskStatus& status = state_.status;
  switch (result.kind) {
    case Result::Kind::owed: ++status.redelivered; break;
    case Result::Kind::already:
    case Result::Kind::gone:
      // What was decided on before a crash was redelivered before it.
      ++(resumed_ ? status.redelivered : status.skipped);
      break;
    case Result::Kind::failed:
      ++status.failed;
      status.note = result.reason;
      break;
    case Result::Kind::blocked: status.note = result.reason; break;
  }
}

void RedeliveryTask::end(TaskState state, Timestamp wall) {
  state_.status.state = state;
  state_.status.ended = wall;
  state_.status.looked_at -= state_.taken.size();
  state_.taken.clear();
  unsaved_ = true;
}

void RedeliveryTask::cancel(Timestamp wall) {
  if (!state_.status.over()) end(TaskState::cancelled, wall);
}

void RedeliveryTask::give_up(Timestamp wall, std::string why) {
  if (state_.status.over()) return;
  state_.status.note = std::move(why);
  end(TaskState::failed, wall);
}

}  // namespace evmesh::work
