#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include "testing/cluster_impl.hpp"

// The public classes.

namespace evmesh::testing {

namespace {

std::chrono::microseconds since_began(const World& world) {
  return std::chrono::duration_cast<std::chrono::microseconds>(world.now() - world.began);
}

}  // namespace

std::string ClusterNode::name() const { return cluster_.host(index_).name; }
NodeId ClusterNode::id() const { return cluster_.host(index_).id; }
bool ClusterNode::running() const { return cluster_.host(index_).process != nullptr; }
EventBus& ClusterNode::bus() { return *cluster_.host(index_).buses.front(); }
EventBus& ClusterNode::bus(std::string_view name) { return cluster_.bus(index_, name); }

void ClusterNode::at_start(std::function<void(ClusterNode&)> program) {
  Host& host = cluster_.host(index_);
  host.program = std::move(program);
  if (host.process && host.program) host.program(*this);
}

void ClusterNode::keep(Result<Registration> registration) {
  if (!registration) throw std::runtime_error("evmesh::testing: " + registration.error().message);
  if (const auto& process = cluster_.host(index_).process) process->keep(std::move(*registration));
}

std::uint64_t ClusterNode::owed() const {
  const auto& process = cluster_.host(index_).process;
  return process ? process->owed() : 0;
}

std::vector<Member> ClusterNode::members() const {
  const auto& process = cluster_.host(index_).process;
  return process ? process->members() : std::vector<Member>();
}

Cluster::Cluster(ClusterOptions options) : impl_(std::make_unique<ClusterImpl>(std::move(options), false)) {}
Cluster::~Cluster() = default;

std::size_t Cluster::size() const { return impl_->world().hosts.size(); }
ClusterNode& Cluster::operator[](std::size_t node) { return *impl_->host(node).handle; }

void Cluster::at_start(const std::function<void(ClusterNode&)>& program) {
  for (std::size_t node = 0; node < size(); ++node) (*this)[node].at_start(program);
}

void Cluster::kill(std::size_t node) { impl_->kill(node); }
void Cluster::lose(std::size_t node) { impl_->lose(node); }
void Cluster::stop(std::size_t node) { impl_->stop(node); }
void Cluster::restart(std::size_t node) { impl_->start(node); }

void Cluster::pause(std::size_t node) {
  if (const auto& process = impl_->host(node).process) process->pause();
}

void Cluster::resume(std::size_t node) {
  if (const auto& process = impl_->host(node).process) process->resume();
}

void Cluster::cut(std::size_t one, std::size_t other) {
  impl_->cut(one, other);
  impl_->cut(other, one);
}

void Cluster::cut_one_way(std::size_t from, std::size_t to) { impl_->cut(from, to); }

void Cluster::partition(std::initializer_list<std::size_t> nodes) {
  const auto inside = [&](std::size_t node) { return std::ranges::find(nodes, node) != nodes.end(); };
  for (std::size_t node : nodes) {
    for (std::size_t other = 0; other < size(); ++other) {
      if (!inside(other)) cut(node, other);
    }
  }
}

void Cluster::heal(std::size_t one, std::size_t other) {
  impl_->mend(one, other);
  impl_->mend(other, one);
}

void Cluster::heal() { impl_->world().network.heal(); }

std::chrono::microseconds Cluster::now() const { return since_began(impl_->world()); }
void Cluster::run_for(std::chrono::nanoseconds time) { impl_->run_for(time); }
bool Cluster::run_until(const std::function<bool()>& done, std::chrono::nanoseconds at_most) {
  return impl_->run_until(done, at_most);
}
bool Cluster::run_until_quiet(std::chrono::nanoseconds at_most) { return impl_->run_until_quiet(at_most); }
void Cluster::take(std::chrono::nanoseconds time) { impl_->world().take(time); }

std::span<const Happening> Cluster::history() const { return impl_->world().history.all(); }
std::uint64_t Cluster::history_left_out() const { return impl_->world().history.left_out(); }
std::size_t Cluster::count(What what, std::string_view name) const {
  return impl_->world().history.count(what, name);
}
std::string Cluster::story() const { return impl_->world().history.story(); }
std::vector<DeadLetter> Cluster::dead_letters() const { return impl_->dead_letters(); }
Result<void> Cluster::redeliver(const DeadLetterId& letter) { return impl_->redeliver(letter); }

namespace {

ClusterOptions alone(LocalBusOptions options) {
  ClusterOptions cluster{.nodes = 1, .seed = options.seed};
  cluster.delivery = options.delivery;
  cluster.buses = {std::move(options.name)};
  cluster.level = Level::memory;
  cluster.decoders = std::move(options.decoders);
  if (options.log)
    cluster.log = [log = std::move(options.log)](std::size_t, const LogRecord& record) { log(record); };
  return cluster;
}

}  // namespace

LocalBus::LocalBus(LocalBusOptions options)
    : impl_(std::make_unique<ClusterImpl>(alone(std::move(options)), true)) {}
LocalBus::~LocalBus() = default;

EventBus& LocalBus::bus() { return *impl_->host(0).buses.front(); }
void LocalBus::advance(std::chrono::nanoseconds time) { impl_->run_for(time); }
std::chrono::microseconds LocalBus::now() const { return since_began(impl_->world()); }
bool LocalBus::run_until_quiet(std::chrono::nanoseconds at_most) { return impl_->run_until_quiet(at_most); }
void LocalBus::take(std::chrono::nanoseconds time) { impl_->world().take(time); }
std::span<const Happening> LocalBus::history() const { return impl_->world().history.all(); }
std::size_t LocalBus::count(What what, std::string_view name) const {
  return impl_->world().history.count(what, name);
}
std::string LocalBus::story() const { return impl_->world().history.story(); }
std::uint64_t LocalBus::owed() const { return impl_->host(0).handle->owed(); }

void LocalBus::restart() {
  impl_->kill(0);
  impl_->start(0);
}

}  // namespace evmesh::testing
