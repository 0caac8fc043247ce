#include "bus/group_runner.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "bus/group_rules.hpp"

namespace evmesh::bus {

namespace {

/// Pulled at once by one thread: what it does within about a millisecond, so that it holds nothing up for
/// others.
constexpr std::size_t batch_max = 256;
constexpr std::chrono::nanoseconds batch_time = std::chrono::milliseconds{1};

/// Ends of executions that are shorter than this are reported together, at most `batch_max` and no later than
/// after `batch_time`: the engine's lock costs more than they do.
constexpr std::chrono::nanoseconds quick = std::chrono::microseconds{100};

/// Another thread is woken for what takes this long; for less, it costs those more that run already.
constexpr std::chrono::nanoseconds worth_waking = batch_time / 2;

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
  const bool succeeded = run_alone(job, event, depth);
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
    auto next = from_aside();
    if (!next) next = pull();
    for (; next; ran = true) next = execute(std::move(*next));
    report();
    gate_.leave();
  }
  // Once more, behind the others that wait for a thread, unless another turn is on its way to look.
  if (!ran || looking_.exchange(true)) return unschedule();
  if (services_.pool.submit_next(lane_, shared_from_this())) return;
  looking_ = false;
  unschedule();
}

/// For a thread that begins its turn; wakes another one when enough is left for it.
std::optional<GroupRunner::Begun> GroupRunner::from_aside() {
  const base::MonoTime now = services_.clock.now();
  std::optional<Begun> first;
  bool others = false;
  {
    const std::lock_guard lock(mutex_);
    first = next_job(now);
    others = worth_a_thread(aside_.size());
  }
  if (others) work_waits();
  return first;
}

/// Under mutex_: the next of those that were put aside.
std::optional<GroupRunner::Begun> GroupRunner::next_job(base::MonoTime now) {
  if (aside_.empty()) return std::nullopt;
  Begun begun = begin(std::move(aside_.front()), now);
  aside_.pop_front();
  return begun;
}

/// Takes a batch; the first of it, when there is one.
std::optional<GroupRunner::Begun> GroupRunner::pull() {
  std::size_t most = 0;
  bool batch_is_slow = false;
  {
    const std::lock_guard lock(mutex_);
    most = pulling_ ? batch() : 0;
    batch_is_slow = worth_a_thread(most);
  }
  std::vector<work::Job> jobs;
  if (most > 0) services_.engine.take(settings_.index, most, jobs);
  if (jobs.empty()) return std::nullopt;
  auto first = put_aside(jobs);
  if (!first) {
    services_.engine.give_back(jobs);  // none was moved
    give_up_rest();
    return std::nullopt;
  }
  // There may be more than was asked for. This thread comes back for it when that is soon.
  if (jobs.size() == most && batch_is_slow) work_waits();
  return first;
}

/// All but the first, which begins: the others need not wait for this thread, which a listener may keep. Nothing when
/// nothing is to begin any more.
std::optional<GroupRunner::Begun> GroupRunner::put_aside(std::span<work::Job> jobs) {
  const base::MonoTime now = services_.clock.now();
  std::optional<Begun> first;
  bool others = false;
  bool attend = false;
  {
    const std::lock_guard lock(mutex_);
    if (!pulling_) return std::nullopt;
    std::ranges::move(jobs.subspan(1), std::back_inserter(aside_));
    first = begin(std::move(jobs.front()), now);
    others = worth_a_thread(aside_.size());
    attend = !others && !aside_.empty() && !std::exchange(attending_, true);
  }
  if (others) work_waits();
  if (attend) attend_later();
  return first;
}

/// Under mutex_.
bool GroupRunner::worth_a_thread(std::size_t jobs) const {
  return usual_ * static_cast<std::int64_t>(jobs) >= worth_waking;
}

/// What comes next.
std::optional<GroupRunner::Begun> GroupRunner::execute(Begun&& begun) {
  const auto event = services_.engine.event(begun.job);
  if (!event) {
    return conclude(std::move(begun), {work::Ran::Ending::refused, "not run: " + event.error().message, {}}, {}, true);
  }
  const auto flight = services_.engine.fly(begun.job);
  return conclude(std::move(begun), call(begun, *event, 1), flight, true);
}

/// Makes the attempt of a job that was not pulled. Whether it was done.
bool GroupRunner::run_alone(const work::Job& job, const Event& event, unsigned depth) {
  const auto flight = services_.engine.fly(job);
  const base::MonoTime now = services_.clock.now();
  Begun begun;
  {
    const std::lock_guard lock(mutex_);
    begun = begin(work::Job(job), now);
  }
  work::Ran ran = call(begun, event, depth);
  const bool done = ran.ending == work::Ran::Ending::done;
  static_cast<void>(conclude(std::move(begun), std::move(ran), flight, false));
  return done;
}

work::Ran GroupRunner::call(const Begun& begun, const Event& event, unsigned depth) {
  Delivery delivery{.event = event};
  delivery.group = &group_;
  delivery.attempt = begun.job.attempt;
  delivery.possibly_duplicate = begun.job.possibly_duplicate;
  delivery.stop = begun.execution->stop.get_token();
  work::Ran ran = to_ran(services_.runner.run(*listener_, delivery, depth));
  if (ran.ending != work::Ran::Ending::done) attempts_failed_.add();
  return ran;
}

/// Reports how it ended, or leaves that to whoever reports next, which is this thread at the latest when it
/// has no other to run: a listener that keeps it meanwhile is what the timer is for. The next job, when this thread
/// `goes_on`.
std::optional<GroupRunner::Begun> GroupRunner::conclude(Begun&& over, work::Ran&& ran, std::optional<std::size_t> flight,
                                                        bool goes_on) {
  const bool done = ran.ending == work::Ran::Ending::done;
  const base::MonoTime now = services_.clock.now();
  std::optional<Begun> next;
  bool in_time = false;
  bool at_once = false;
  bool attend = false;
  {
    const std::lock_guard lock(mutex_);
    in_time = end(over.execution, now);
    if (in_time) {
      if (ended_.empty()) ended_since_ = now;
      ended_.push_back({std::move(over.job), std::move(ran), flight});
      at_once = !done || usual_ >= quick || ended_.size() >= batch_max || now - ended_since_ >= batch_time;
    }
    if (goes_on && !at_once) next = next_job(now);
    attend = next && !std::exchange(attending_, true);
  }
  if (!in_time && flight) services_.engine.flights().end(*flight);
  if (attend) attend_later();
  if (!at_once) return next;
  report();
  if (!done) give_up_rest();
  return goes_on ? from_aside() : std::nullopt;
}

/// Under mutex_.
GroupRunner::Begun GroupRunner::begin(work::Job&& job, base::MonoTime now) {
  if (spare_.empty()) spare_.emplace_back();
  executions_.splice(executions_.end(), spare_, spare_.begin());
  const auto execution = std::prev(executions_.end());
  *execution = {job.handle, now, now + settings_.options.execution_timeout, {}, false};
  watch();
  return {std::move(job), execution};
}

/// Under mutex_. False when it was given up, and counted as failed, while it ran.
bool GroupRunner::end(Executions::iterator execution, base::MonoTime now) {
  const bool in_time = !execution->given_up;
  usual_ = (usual_ * 7 + (now - execution->started)) / 8;
  took_.add(now - execution->started);
  spare_.splice(spare_.begin(), executions_, execution);
  if (in_time) return true;
  --late_;
  services_.pool.widen(lane_, -1);
  return false;
}

/// Looks after a while whether a listener keeps the thread that was to run or to report others.
void GroupRunner::attend_later() {
  const auto look = [self = weak_from_this()] {
    if (const auto runner = self.lock()) runner->attend();
  };
  if (services_.timers.after(std::chrono::ceil<std::chrono::milliseconds>(batch_time), look)) return;
  report();  // nothing is begun any more
}

void GroupRunner::attend() {
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    waits = attending_ = !aside_.empty();
  }
  report();
  if (!waits) return;
  work_waits();
  attend_later();
}

void GroupRunner::report() {
  std::vector<WorkEngine::Ended> ended;
  {
    const std::lock_guard lock(mutex_);
    ended.swap(ended_);
  }
  if (!ended.empty()) services_.engine.finished(ended);
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
