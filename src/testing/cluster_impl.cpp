#include "testing/cluster_impl.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::testing {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t nodes_max = 16;
/// All nodes of a network without faults know each other well before this.
constexpr auto meeting_time = 30s;
/// It is quiet when it was so for as long as a frame takes.
constexpr nanoseconds quiet_time = 20ms;

void check(const ClusterOptions& options, bool mono) {
  const auto refuse = [](const std::string& what) { throw std::invalid_argument("evmesh::testing: " + what); };
  if (options.nodes < 1 || options.nodes > nodes_max)
    refuse("a cluster has 1 to " + std::to_string(nodes_max) + " nodes, not " + std::to_string(options.nodes));
  if (!mono && options.mode == Mode::mono) refuse("a cluster is broadcast or scale_efficient; LocalBus is mono");
  if (options.copies > limits::copies_max)
    refuse("copies is " + std::to_string(options.copies) + "; at most " + std::to_string(limits::copies_max) + " go");
  if (options.buses.empty() || options.buses.size() > limits::buses_max) refuse("there must be 1 to 16 buses");
  for (const auto& [type, decoder] : options.decoders) {
    if (!decoder) refuse("the decoder of " + base::quoted(type) + " is empty");
  }
  for (const std::string& bus : options.buses) {
    if (!Group::parse(bus)) refuse("no bus can be called " + base::quoted(bus));
    if (std::ranges::count(options.buses, bus) > 1) refuse("two buses are called " + base::quoted(bus));
  }
}

ClusterOptions checked(ClusterOptions options, bool mono) {
  check(options, mono);
  return options;
}

}  // namespace

ClusterImpl::ClusterImpl(ClusterOptions options, bool mono) : world_(checked(std::move(options), mono), mono) {
  make_hosts();
  for (std::size_t node = 0; node < world_.hosts.size(); ++node) start(node);
  meet();
}

ClusterImpl::~ClusterImpl() {
  for (const auto& host : world_.hosts) {
    if (const auto process = std::exchange(host->process, nullptr)) process->end();
  }
}

void ClusterImpl::make_hosts() {
  for (unsigned index = 0; index < world_.options.nodes; ++index) {
    auto host = std::make_unique<Host>();
    host->index = index;
    host->name = "n" + std::to_string(index);
    host->handle = std::make_unique<ClusterNode>(*this, index);
    new_disk(*host);
    for (std::size_t bus = 0; bus < world_.options.buses.size(); ++bus)
      host->buses.push_back(std::make_unique<FrontBus>(world_, *host, bus));
    world_.hosts.push_back(std::move(host));
  }
}

void ClusterImpl::new_disk(Host& host) {
  host.id = World::id_of(host.index, host.disks_lost);
  host.disk = Disk();
  if (world_.mono) return;
  host.disk.letters->on_left([&host](std::span<const bus::LetterBox::Left> left) {
    for (const auto& each : left) {
      if (host.process) host.process->letter_left(each.name);
    }
  });
}

/// What is before the test began is nobody's business.
void ClusterImpl::meet() {
  const auto met = [this] {
    return std::ranges::all_of(world_.hosts, [this](const auto& host) {
      return host->process && host->process->knows(world_.hosts.size() - 1);
    });
  };
  world_.advance(met, world_.now() + meeting_time);
  world_.began = world_.now();
  world_.history = {};
}

Host& ClusterImpl::host(std::size_t node) {
  if (node < world_.hosts.size()) return *world_.hosts[node];
  throw std::out_of_range("evmesh::testing: there is no node " + std::to_string(node) + " among " +
                          std::to_string(world_.hosts.size()));
}

EventBus& ClusterImpl::bus(std::size_t node, std::string_view name) {
  for (const auto& bus : host(node).buses) {
    if (bus->name() == name) return *bus;
  }
  throw std::out_of_range("evmesh::testing: there is no bus " + base::quoted(name));
}

// Lives.

void ClusterImpl::start(std::size_t node) {
  Host& host = this->host(node);
  if (host.process) return;
  host.process = std::make_shared<Process>(world_, host);
  host.process->start();
  if (host.process && host.program) host.program(*host.handle);
}

void ClusterImpl::kill(std::size_t node) {
  Host& host = this->host(node);
  const auto process = std::exchange(host.process, nullptr);
  if (!process) return;
  world_.note(host, {.what = What::killed});
  if (!world_.mono) world_.network.detach(host.index, true);
  process->end();
  world_.bury(process);
}

void ClusterImpl::lose(std::size_t node) {
  kill(node);
  Host& host = this->host(node);
  ++host.disks_lost;
  new_disk(host);
}

void ClusterImpl::stop(std::size_t node) {
  const std::shared_ptr<Process> process = host(node).process;
  if (!process) return;
  process->resume();
  process->stop();
  world_.advance([&] { return process->over(); }, world_.now() + limits::drain + 2 * limits::flush_at_stop);
}

// Time.

void ClusterImpl::run_for(nanoseconds time) {
  world_.advance([] { return false; }, world_.now() + std::max(time, 0ns));
}

bool ClusterImpl::run_until(const std::function<bool()>& done, nanoseconds at_most) {
  return world_.advance(done, world_.now() + std::max(at_most, 0ns));
}

bool ClusterImpl::run_until_quiet(nanoseconds at_most) {
  MonoTime since = world_.now();
  const auto quiet = [&] {
    const bool now = std::ranges::all_of(world_.hosts, [](const auto& host) {
      return !host->process || host->process->quiet();
    });
    if (!now) since = world_.now();
    return now && (world_.mono || world_.now() >= since + quiet_time);
  };
  return world_.advance(quiet, world_.now() + std::max(at_most, 0ns));
}

// Dead letters.

std::vector<DeadLetter> ClusterImpl::dead_letters() {
  std::map<DeadLetterId, DeadLetter> all;
  for (const auto& host : world_.hosts) {
    const auto letters = host->disk.letters->page({}, 0, limits::memory_dead_letters_max);
    for (const bus::Letter& letter : letters ? *letters : std::vector<bus::Letter>()) {
      if (auto found = bus::to_dead_letter(letter)) all.emplace(letter.id, std::move(*found));
    }
  }
  std::vector<DeadLetter> sorted;
  for (auto& [id, letter] : all) sorted.push_back(std::move(letter));
  return sorted;
}

Result<void> ClusterImpl::redeliver(const DeadLetterId& id) {
  for (const auto& host : world_.hosts) {
    if (!host->process) continue;
    const auto letter = host->disk.letters->find(id);
    if (letter && *letter) return host->process->redeliver(**letter);
  }
  return fail(ErrorCode::not_found, "no running node keeps dead letter " + id.to_string());
}

}  // namespace evmesh::testing
