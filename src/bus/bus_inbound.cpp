#include <algorithm>
#include <utility>

#include "bus/bus.hpp"

namespace evmesh::bus {

namespace {

/// Logs a gap on the pool: the engine, which finds gaps, holds a lock then, and the log is the application's.
class GapReport final : public delivery::Runnable {
 public:
  GapReport(std::shared_ptr<Bus> bus, const delivery::Runner& runner, const Gap& gap)
      : bus_(std::move(bus)), runner_(runner), gap_(gap) {}

  void run() override {
    runner_.log(LogLevel::warning, "gap",
                {{"peer", gap_.publisher.to_string()},
                 {"epoch", std::to_string(gap_.epoch)},
                 {"from", std::to_string(gap_.from)},
                 {"to", gap_.to ? std::to_string(*gap_.to) : "end of life"},
                 {"reason", std::string(to_string(gap_.reason))}});
  }

 private:
  const std::shared_ptr<Bus> bus_;  // keeps the runner
  const delivery::Runner& runner_;
  const Gap gap_;
};

}  // namespace

void Bus::match(std::span<const std::string_view> keys, registry::Matches& out) const {
  const std::shared_lock lock(mutex_);
  registry_.match_with_each_node(keys, out);
}

std::vector<Bus::Audience> Bus::audience() const {
  std::vector<Audience> all;
  {
    const std::shared_lock lock(mutex_);
    all.reserve(strands_.size());
    for (const auto& [handle, strand] : strands_) {
      if (const auto version = strand->oldest_version()) all.push_back({handle, *version});
    }
  }
  std::ranges::sort(all, {}, &Audience::listener);
  return all;
}

void Bus::offer(registry::ListenerHandle listener, std::span<const Arrival> arrivals) {
  std::shared_ptr<delivery::Strand> strand;
  std::vector<delivery::Strand::Call> calls;
  calls.reserve(arrivals.size());
  {
    const std::shared_lock lock(mutex_);
    const auto found = strands_.find(listener);
    if (found == strands_.end()) return;
    strand = found->second;
    for (const Arrival& arrival : arrivals) {
      const auto place = places_.find(arrival.registration);
      calls.push_back({arrival.event, place == places_.end() ? nullptr : place->second, arrival.key});
    }
  }
  strand->offer(calls);
}

void Bus::offer_gap(registry::ListenerHandle listener, const Gap& gap) {
  std::shared_ptr<delivery::Strand> strand;
  {
    const std::shared_lock lock(mutex_);
    const auto found = strands_.find(listener);
    if (found == strands_.end()) return;
    strand = found->second;
  }
  strand->offer(gap);
  tell_gap(gap);
}

/// Counts and logs a hole once, not once for each listener.
void Bus::tell_gap(const Gap& gap) {
  if (!gap_book_.first_of(gap)) return;
  gaps_.add();
  services_.pool.submit(std::make_shared<GapReport>(shared_from_this(), runner_, gap));
}

}  // namespace evmesh::bus
