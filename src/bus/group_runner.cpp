#include "bus/group_runner.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace evmesh::bus {

using delivery::Ending;

namespace {

/// Pulled at once by one thread: what it does within about a millisecond, so that it holds nothing up for
/// others.
constexpr std::size_t batch_max = 64;
constexpr std::chrono::nanoseconds batch_time = std::chrono::milliseconds{1};

/// Ends of executions that are shorter than this are reported together, at most `batch_max` and no later than
/// after `batch_time`: the engine's lock costs more than they do.
constexpr std::chrono::nanoseconds quick = std::chrono::microseconds{100};

work::Ran to_ran(const delivery::Ran& ran) {
  using Kind = Outcome::Kind;
  work::Ran result;
  if (ran.ending == Ending::skipped) return result;
  if (ran.ending == Ending::failed) {
    result.ending = work::Ran::Ending::failed;
    result.error = ran.error;
    return result;
  }
  const Kind kind = ran.outcome.kind();
  if (kind == Kind::done) return result;
  result.error = ran.outcome.reason();
  result.not_before = ran.outcome.delay();
  result.ending = kind == Kind::refused        ? work::Ran::Ending::refused
                  : kind == Kind::unknown_type ? work::Ran::Ending::unknown_type
                                               : work::Ran::Ending::failed;
  if (result.error.empty()) {
    result.error = kind == Kind::retry ? "the listener asked to be run again" : "refused without a reason";
  }
  return result;
}

}  // namespace

GroupRunner::GroupRunner(Services services, Settings settings, Group group,
                         std::shared_ptr<Listener> listener)
    : services_(services),
      settings_(std::move(settings)),
      group_(std::move(group)),
      listener_(std::move(listener)),
      mode_(services.runner.mode_of(*listener_)),
      lane_(services.pool.open_lane(settings_.options.concurrency)),
      attempts_failed_(services.counters.named("evmesh_group_attempts_failed_total")),
      timed_out_(services.counters.named("evmesh_group_attempts_timed_out_total")) {}

bool GroupRunner::claim(bool nested) {
  if (!gate_.enter()) return false;
  if (!nested || services_.pool.try_enter(*lane_)) return true;
  gate_.leave();
  return false;
}

void GroupRunner::let_go(bool nested) {
  if (nested) services_.pool.leave(lane_);
  gate_.leave();
}

void GroupRunner::run_claimed(const work::Job& job, const Event& event, bool nested, unsigned depth) {
  if (!nested) services_.pool.enter(*lane_);
  const bool succeeded = run_job(job, event, depth);
  report();
  services_.pool.leave(lane_);
  gate_.leave();
  if (succeeded || !services_.engine.letter_on_its_way()) return;
  // Whoever dispatched it and waited finds its dead letter when it looks.
  services_.engine.wait_letters(services_.clock.now() + limits::drain);
}

void GroupRunner::work_waits() {
  // A turn that has not looked yet will find this work too.
  if (looking_) return;
  if (!schedule() || services_.pool.submit(lane_, shared_from_this())) return;
  looking_ = false;
  unschedule();
}

/// True when a turn was taken for the caller to submit.
bool GroupRunner::schedule() {
  const std::lock_guard lock(mutex_);
  if (!pulling_ || looking_) return false;
  if (scheduled_ >= settings_.options.concurrency + late_) {
    missed_ = true;
    return false;
  }
  ++scheduled_;
  looking_ = true;
  services_.activity.begin();
  return true;
}

void GroupRunner::unschedule() {
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    --scheduled_;
    again = std::exchange(missed_, false);
  }
  if (again) work_waits();
  services_.activity.end();
}

std::optional<std::chrono::microseconds> GroupRunner::run_p99() {
  const std::lock_guard lock(mutex_);
  return took_.at(0.99);
}

std::size_t GroupRunner::batch() const {
  const auto fit = batch_time / std::max(usual_, std::chrono::nanoseconds{1});
  return std::clamp<std::size_t>(static_cast<std::size_t>(fit), 1, batch_max);
}

void GroupRunner::run() {
  bool ran = false;
  looking_ = false;
  if (gate_.enter()) {
    // Who puts jobs aside stays until none is left, so that closing the gate leaves none behind.
    for (auto job = next_job(true); job; job = next_job(false)) {
      execute(std::move(*job));
      ran = true;
    }
    report();
    gate_.leave();
  }
  // Once more, behind the others that wait for a thread, unless another turn is on its way to look.
  if (!ran || looking_.exchange(true)) return unschedule();
  if (services_.pool.submit(lane_, shared_from_this())) return;
  looking_ = false;
  unschedule();
}

/// One that was put aside; else, when `pull`, the first of a batch whose others are put aside: they need not
/// wait for this thread, which a listener may keep.
std::optional<work::Job> GroupRunner::next_job(bool pull) {
  std::size_t most = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!aside_.empty()) {
      work::Job job = std::move(aside_.front());
      aside_.pop_front();
      return job;
    }
    most = pull && pulling_ ? batch() : 0;
  }
  std::vector<work::Job> jobs;
  if (most > 0) services_.engine.take(settings_.index, most, jobs);
  if (jobs.empty()) return std::nullopt;
  if (!put_aside(std::span(jobs).subspan(1))) {
    services_.engine.give_back(jobs);  // none was moved
    give_up_rest();
    return std::nullopt;
  }
  // For another thread; there may also be more than was asked for.
  if (jobs.size() > 1 || most == 1) work_waits();
  return std::move(jobs.front());
}

/// False when nothing is to begin any more.
bool GroupRunner::put_aside(std::span<work::Job> jobs) {
  const std::lock_guard lock(mutex_);
  if (pulling_) std::ranges::move(jobs, std::back_inserter(aside_));
  return pulling_;
}

void GroupRunner::execute(work::Job job) {
  const auto parcel = services_.engine.parcel(job);
  if (parcel) {
    run_job(std::move(job), *(*parcel)->event, 1);
    return;
  }
  work::Ran ran{work::Ran::Ending::refused, "not run: " + parcel.error().message, {}};
  services_.engine.finished({std::move(job), std::move(ran), {}});
}

/// Whether it was done.
bool GroupRunner::run_job(work::Job job, const Event& event, unsigned depth) {
  const auto flight = services_.engine.fly(job);
  const auto execution = begin(job);
  Delivery delivery{.event = event};
  delivery.group = &group_;
  delivery.attempt = job.attempt;
  delivery.possibly_duplicate = job.possibly_duplicate;
  delivery.stop = execution->stop.get_token();
  work::Ran ran = to_ran(services_.runner.run(*listener_, delivery, depth));
  const bool done = ran.ending == work::Ran::Ending::done;
  if (!done) attempts_failed_.add();
  if (end(execution)) {
    conclude({std::move(job), std::move(ran), flight});
    if (!done) give_up_rest();
  } else if (flight) {
    services_.engine.flights().end(*flight);
  }
  return done;
}

/// Reports how it ended, or leaves that to whoever reports next, which is this thread at the latest when it
/// has no other to run: a listener that keeps it meanwhile is what the timer is for.
void GroupRunner::conclude(WorkEngine::Ended ended) {
  const bool failed = ended.ran.ending != work::Ran::Ending::done;
  const base::MonoTime now = services_.clock.now();
  bool at_once = false;
  bool later = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_.empty()) ended_since_ = now;
    ended_.push_back(std::move(ended));
    at_once = failed || usual_ >= quick || ended_.size() >= batch_max || now - ended_since_ >= batch_time;
    later = !at_once && !std::exchange(reporting_later_, true);
  }
  if (later) report_later();
  if (at_once) report();
}

void GroupRunner::report_later() {
  const auto look = [self = weak_from_this()] {
    if (const auto runner = self.lock()) runner->report(true);
  };
  if (services_.timers.after(std::chrono::ceil<std::chrono::milliseconds>(batch_time), look)) return;
  report(true);
}

/// `by_timer`: the next one needs another.
void GroupRunner::report(bool by_timer) {
  std::vector<WorkEngine::Ended> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
    if (by_timer) reporting_later_ = false;
  }
  if (!ended.empty()) services_.engine.finished(ended);
}

GroupRunner::Executions::iterator GroupRunner::begin(const work::Job& job) {
  const base::MonoTime now = services_.clock.now();
  const std::lock_guard lock(mutex_);
  const auto execution = executions_.insert(
      executions_.end(), Execution{job.handle, now, now + settings_.options.execution_timeout, {}, false});
  watch();
  return execution;
}

/// False when it was given up, and counted as failed, while it ran.
bool GroupRunner::end(Executions::iterator execution) {
  const base::MonoTime now = services_.clock.now();
  const std::lock_guard lock(mutex_);
  const bool in_time = !execution->given_up;
  usual_ = (usual_ * 7 + (now - execution->started)) / 8;
  took_.add(now - execution->started);
  executions_.erase(execution);
  if (in_time) return true;
  --late_;
  services_.pool.widen(lane_, -1);
  return false;
}

/// Under mutex_: looks again when the oldest execution has had its time. All have the same, so they end in
/// their order.
void GroupRunner::watch() {
  if (watching_ || executions_.empty()) return;
  const auto late = std::ranges::find(executions_, false, &Execution::given_up);
  if (late == executions_.end()) return;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(late->deadline - services_.clock.now());
  const auto look = [self = weak_from_this()] {
    if (const auto runner = self.lock()) runner->give_up_late();
  };
  watching_ = services_.timers.after(std::max(left, std::chrono::milliseconds{1}), look);
}

void GroupRunner::give_up_late() {
  std::vector<work::Handle> late;
  {
    const std::lock_guard lock(mutex_);
    watching_ = false;
    for (Execution& execution : executions_) {
      if (execution.given_up || execution.deadline > services_.clock.now()) continue;
      execution.given_up = true;
      ++late_;
      execution.stop.request_stop();
      late.push_back(execution.handle);
      // Its thread is lost until the listener returns; the group goes on with another.
      services_.pool.widen(lane_, 1);
      timed_out_.add();
    }
    watch();
  }
  for (const work::Handle handle : late) {
    work::Job job;
    job.handle = handle;
    work::Ran ran{work::Ran::Ending::failed,
                  "timed out after " + std::to_string(settings_.options.execution_timeout.count()) + " ms",
                  {}};
    services_.engine.finished({std::move(job), std::move(ran), {}});
  }
  if (late.empty()) return;
  give_up_rest();
  work_waits();  // for what was announced while there was no slot
}

void GroupRunner::stop_pulling() {
  std::deque<work::Job> not_run;
  {
    const std::lock_guard lock(mutex_);
    pulling_ = false;
    not_run.swap(aside_);
  }
  if (!not_run.empty()) services_.engine.give_back(std::vector(not_run.begin(), not_run.end()));
}

void GroupRunner::close(std::string why) {
  stop_pulling();
  {
    const std::lock_guard lock(mutex_);
    given_up_ = std::move(why);
    for (Execution& execution : executions_) execution.stop.request_stop();
  }
  give_up_rest();
}

void GroupRunner::give_up_rest() {
  std::string why;
  {
    const std::lock_guard lock(mutex_);
    why = given_up_;
  }
  if (!why.empty()) services_.engine.give_up(settings_.index, why);
}

}  // namespace evmesh::bus
