#include "bus/node_core.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/limits.hpp"
#include "base/log_sink.hpp"
#include "base/text.hpp"
#include "bus/node_options.hpp"
#include "bus/time_left.hpp"
#include "bus/work_answers.hpp"

namespace evmesh::bus {

Result<std::unique_ptr<storage::Identity>> open_identity(const NodeOptions& options) {
  const base::SystemClock clock;
  base::SystemRandom random;
  if (options.data_dir.empty()) return storage::Identity::transient(clock, random);
  return storage::Identity::open(options.data_dir, clock, random);
}

NodeCore::NodeCore(const NodeOptions& options)
    : log_(base::one_at_a_time(options.log)),
      decoders_(options.decoders, log_, counters_),
      pool_({.threads_max = options.pool_threads_max, .of_host = options.host_runs_listeners}, counters_),
      helpers_({.threads_max = options.pool_threads_max}, counters_),
      timers_(clock_, limits::retries_waiting_max) {}

NodeCore::~NodeCore() {
  stop();
  timers_.stop();
  pool_.stop();
  helpers_.stop();
}

Result<void> NodeCore::open_work(const storage::Identity& identity, const NodeOptions& options,
                                 std::function<void(const Error&)> on_failed,
                                 std::function<void()> nudge) {
  if (pool_.of_host() && pool_.descriptor() < 0)
    return fail(ErrorCode::busy, "no file descriptor left for the host's loop; raise the limit (ulimit -n)");
  WorkEngine::Settings settings;
  settings.self = identity.id();
  settings.epoch = identity.epoch();
  settings.seed = random_.next_u64();
  settings.directory = options.data_dir;
  settings.payload = options.payload;
  settings.reserve_bytes = options.journal_reserve_bytes;
  settings.dead_letters_bytes_max = options.dead_letters_bytes_max;
  settings.event_size_bytes_max = options.event_size_bytes_max;
  settings.level = level_of(options);
  settings.copies = options.copies;
  settings.degraded = options.degraded;
  settings.seeded = !options.seeds.empty();
  auto work = WorkEngine::open(
      {clock_, timers_, counters_, log_, std::move(on_failed), std::move(nudge), &decoders_},
      std::move(settings));
  if (!work) return tl::unexpected(std::move(work.error()));
  work_ = std::move(*work);
  return {};
}

NodeServices NodeCore::services() {
  return {clock_, random_, pool_, timers_, counters_, *work_, mark_, keys_held_, log_, &decoders_};
}

Bus& NodeCore::add(BusSettings settings) {
  buses_.push_back(Bus::create(services(), std::move(settings)));
  return *buses_.back();
}

Result<void> NodeCore::start_operations(Asker* asker) {
  operations_ = std::make_unique<Operations>(
      Operations::Services{clock_, own_pool(), timers_, *work_, buses_, log_});
  mesh_operations_ = std::make_unique<MeshOperations>(*operations_, asker);
  return operations_->start();
}

void NodeCore::answer_questions(AnswerDesk::Send send) {
  const auto answer = [this](const std::string& question, const std::string& arguments) {
    return answer_question(*operations_, question, arguments);
  };
  desk_ = std::make_unique<AnswerDesk>(own_pool(), answer, std::move(send));
}

Result<Bus*> NodeCore::bus(std::string_view name) const {
  std::string names;
  for (const auto& bus : buses_) {
    if (bus->name() == name) return bus.get();
    names += (names.empty() ? "" : ", ") + base::quoted(bus->name());
  }
  return fail(ErrorCode::invalid_argument, "no bus is called " + base::quoted(name) + "; there are " + names);
}

void NodeCore::close(base::MonoTime deadline) {
  if (operations_) operations_->stop();
  if (desk_) desk_->stop();
  for (const auto& bus : buses_) bus->close();
  for (const auto& bus : buses_) static_cast<void>(bus->drain(time_left(clock_.now(), deadline)));
}

void NodeCore::leave() {
  if (work_) work_->leave();
}

void NodeCore::part(std::chrono::milliseconds patience) {
  if (work_) work_->part(patience);
}

void NodeCore::stop(base::MonoTime deadline) {
  if (operations_) operations_->stop();
  if (desk_) desk_->stop();
  for (const auto& bus : buses_) bus->close();
  for (const auto& bus : buses_) bus->stop(deadline);
  if (work_) work_->stop();
}

Result<std::size_t> NodeCore::run_once(std::size_t max) {
  if (!pool_.of_host()) {
    return fail(ErrorCode::not_supported,
                "this node runs listeners on threads of its own; open it with host_runs_listeners to run them here");
  }
  if (inside_listener()) return fail(ErrorCode::draining, "run_once was called inside a listener, which runs already");
  return pool_.run_waiting(max);
}

std::vector<KeyStatus> NodeCore::keys() const {
  std::vector<KeyStatus> all;
  for (const auto& bus : buses_) std::ranges::move(bus->keys(), std::back_inserter(all));
  std::ranges::sort(all, {}, [](const KeyStatus& key) { return std::tie(key.bus, key.key); });
  return all;
}

}  // namespace evmesh::bus
