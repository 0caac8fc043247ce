#include "bus/redeliveries.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "base/limits.hpp"
#include "base/text.hpp"
#include "bus/letter_json.hpp"
#include "bus/task_document.hpp"

namespace evmesh::bus {

namespace {

using work::RedeliveryTask;

constexpr std::string_view kind = "task";

/// Tasks at work at the same time; the others take turns with them.
constexpr std::uint32_t at_once = 2;

/// Steps of one task until another has its turn.
constexpr int steps_per_turn = 16;

Error unknown(const TaskId& id) {
  return {ErrorCode::not_found, "no task is called " + id.to_string() + "; the last " +
                                    std::to_string(limits::tasks_kept_max) + " are remembered"};
}

}  // namespace

/// One task. The first part is touched by its run alone, of which there is one at a time; the rest under the
/// mutex.
class Redeliveries::Job final : public delivery::Runnable, public std::enable_shared_from_this<Job> {
 public:
  Job(Redeliveries& owner, work::RedeliveryState state)
      : task(std::move(state)), shown(task.status()), owner_(owner) {}

  void run() override { owner_.run(shared_from_this()); }

  RedeliveryTask task;
  std::optional<base::MonoTime> wait_until;
  bool stuck = false;  // its state cannot be kept: it goes on in the next life

  TaskStatus shown;
  bool cancel = false;
  bool running = false;

 private:
  Redeliveries& owner_;
};

Redeliveries::Redeliveries(Services services)
    : services_(std::move(services)), lane_(services_.pool.open_lane(at_once)) {}

Redeliveries::~Redeliveries() { stop(); }

Result<void> Redeliveries::resume() {
  const auto documents = services_.letters.documents(kind);
  if (!documents) return tl::unexpected(documents.error());
  std::vector<JobPointer> unfinished;
  for (const auto& [name, body] : *documents) {
    const auto id = TaskId::parse(name);
    auto state = id ? read_task(*id, body) : Result<work::RedeliveryState>(tl::unexpected(id.error()));
    if (!state)
      return fail(ErrorCode::storage,
                  "task " + base::quoted(name) + " cannot be read: " + state.error().message);
    const auto job = std::make_shared<Job>(*this, std::move(*state));
    if (!job->shown.over()) unfinished.push_back(job);
    const std::lock_guard lock(mutex_);
    jobs_.emplace(*id, job);
  }
  for (const JobPointer& job : unfinished) start(job);
  return {};
}

Result<void> Redeliveries::check(const Redelivery& order) const {
  if (order.per_second != 0 && !(order.per_second >= 0.001 && order.per_second <= 1'000'000)) {
    return fail(ErrorCode::invalid_argument, "a rate of " + std::to_string(order.per_second) +
                                                 " per second; it must be 0.001 to 1,000,000, or 0 for none");
  }
  const std::lock_guard lock(mutex_);
  if (stopped_) return fail(ErrorCode::closed, "the node was stopped; open a new one");
  const auto unfinished =
      std::ranges::count_if(jobs_, [](const auto& each) { return !each.second->shown.over(); });
  if (static_cast<std::size_t>(unfinished) < limits::tasks_kept_max) return {};
  return fail(ErrorCode::busy, std::to_string(unfinished) + " tasks are unfinished; cancel some or wait");
}

Result<TaskStatus> Redeliveries::order(const TaskId& id, const Redelivery& order, std::vector<std::string> late) {
  if (auto known = wait(id, std::chrono::milliseconds{0})) return known;
  if (auto good = check(order); !good) return tl::unexpected(good.error());
  work::RedeliveryState state;
  state.status.id = id;
  state.status.order = order;
  state.status.submitted = services_.clock.wall();
  state.late = std::move(late);
  const auto upper = services_.letters.last_number();
  if (!upper) return tl::unexpected(upper.error());
  state.upper = *upper;
  const auto total = services_.letters.count(rows_of(order.filter));
  if (!total) return tl::unexpected(total.error());
  state.status.total = order.limit == 0 ? *total : std::min(*total, order.limit);
  const TaskStatus status = state.status;
  if (auto kept = services_.letters.put(kind, status.id.to_string(), task_document(state)); !kept) {
    return tl::unexpected(kept.error());
  }
  const auto job = std::make_shared<Job>(*this, std::move(state));
  {
    const std::lock_guard lock(mutex_);
    jobs_.emplace(status.id, job);
  }
  start(job);
  forget_oldest();
  return status;
}

void Redeliveries::start(const JobPointer& job) {
  // When the pool takes nothing any more the node is stopping, and the next life goes on.
  static_cast<void>(services_.pool.submit(lane_, job));
}

bool Redeliveries::begin(const JobPointer& job) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || job->running || job->shown.over()) return false;
  job->running = true;
  ++running_;
  return true;
}

void Redeliveries::run(const JobPointer& job) {
  if (!begin(job)) return;
  const bool more = steps(*job);
  // What follows is read before another run may begin.
  const bool over = job->task.status().over() && !job->stuck;
  const bool stuck = job->stuck;
  const auto wait_until = job->wait_until;
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    job->running = false;
    --running_;
    again = !stopped_ && !stuck && !over && (more || job->cancel);
    changed_.notify_all();
  }
  if (over) return end(job->task.status().id);
  if (again) return start(job);
  if (!wait_until) return;
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(*wait_until - services_.clock.now());
  static_cast<void>(
      services_.timers.after(std::max(delay, std::chrono::milliseconds{0}), [this, job] { start(job); }));
}

/// True when there is more to do at once.
bool Redeliveries::steps(Job& job) {
  job.wait_until.reset();
  for (int count = 0; count < steps_per_turn; ++count) {
    bool cancel = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return false;
      cancel = job.cancel;
    }
    if (cancel) job.task.cancel(services_.clock.wall());
    const bool more = step(job);
    show(job);
    if (!more) return false;
  }
  return true;
}

bool Redeliveries::step(Job& job) {
  const RedeliveryTask::Step next = job.task.next(services_.clock.now(), services_.clock.wall());
  if (std::holds_alternative<RedeliveryTask::Over>(next)) return false;
  if (std::holds_alternative<RedeliveryTask::Save>(next)) return save(job);
  if (const auto* wait = std::get_if<RedeliveryTask::Wait>(&next)) {
    job.wait_until = wait->until;
    return false;
  }
  if (const auto* asked = std::get_if<RedeliveryTask::Redeliver>(&next)) {
    job.task.redelivered(services_.clock.now(), services_.redeliver(asked->numbers));
  } else if (const auto* asked_look = std::get_if<RedeliveryTask::Look>(&next)) {
    look(job, *asked_look);
  }
  return true;
}

bool Redeliveries::save(Job& job) {
  const auto kept =
      services_.letters.put(kind, job.task.status().id.to_string(), task_document(job.task.state()));
  if (kept) {
    job.task.saved();
    return true;
  }
  job.stuck = true;
  if (services_.log) {
    services_.log({LogLevel::error,
                   "task_not_kept",
                   {{"id", job.task.status().id.to_string()}, {"why", kept.error().message}}});
  }
  return false;
}

void Redeliveries::look(Job& job, const RedeliveryTask::Look& look) {
  const auto letters =
      services_.letters.places(rows_of(job.task.status().order.filter), look.after, look.max);
  if (!letters) return job.task.give_up(services_.clock.wall(), letters.error().message);
  std::vector<RedeliveryTask::Letter> found;
  for (const storage::LetterPlace& letter : *letters) {
    if (letter.number <= look.upper) found.push_back({letter.number, letter.bus + '/' + letter.group});
  }
  job.task.looked(services_.clock.now(), found);
}

void Redeliveries::show(Job& job) {
  const std::lock_guard lock(mutex_);
  // A task whose end could not be kept is not over.
  if (!job.stuck) job.shown = job.task.status();
  changed_.notify_all();
}

void Redeliveries::end(const TaskId& id) {
  if (const auto status = wait(id, std::chrono::milliseconds{0})) log_end(*status);
  forget_oldest();
}

void Redeliveries::log_end(const TaskStatus& status) const {
  if (!services_.log) return;
  services_.log({LogLevel::info,
                 "task_over",
                 {{"id", status.id.to_string()},
                  {"state", std::string(to_string(status.state))},
                  {"redelivered", std::to_string(status.redelivered)},
                  {"failed", std::to_string(status.failed)},
                  {"skipped", std::to_string(status.skipped)},
                  {"note", status.note}}});
}

void Redeliveries::forget_oldest() {
  std::vector<TaskId> forgotten;
  {
    const std::lock_guard lock(mutex_);
    std::size_t surplus = jobs_.size() - std::min(jobs_.size(), limits::tasks_kept_max);
    for (auto job = jobs_.begin(); surplus > 0 && job != jobs_.end();) {
      if (!job->second->shown.over()) {
        ++job;
        continue;
      }
      forgotten.push_back(job->first);
      job = jobs_.erase(job);
      --surplus;
    }
  }
  for (const TaskId& id : forgotten) static_cast<void>(services_.letters.erase(kind, id.to_string()));
}

std::vector<TaskStatus> Redeliveries::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<TaskStatus> tasks;
  for (const auto& [id, job] : jobs_) tasks.push_back(job->shown);
  std::ranges::reverse(tasks);
  return tasks;
}

Result<TaskStatus> Redeliveries::wait(const TaskId& id, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return tl::unexpected(unknown(id));
  const JobPointer job = found->second;
  changed_.wait_for(lock, timeout, [&] { return stopped_ || job->shown.over(); });
  return job->shown;
}

Result<TaskStatus> Redeliveries::cancel(const TaskId& id) {
  JobPointer job;
  {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return tl::unexpected(unknown(id));
    if (stopped_) return fail(ErrorCode::closed, "the node was stopped; open a new one");
    job = found->second;
    job->cancel = true;
  }
  start(job);
  // Only what a batch takes stands before it.
  return wait(id, std::chrono::seconds{10});
}

void Redeliveries::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace evmesh::bus
