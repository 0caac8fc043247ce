#pragma once

#include <memory>

#include "bus/bus.hpp"
#include "bus/downlink.hpp"

namespace evmesh::bus {

/// Lets the engine speak to a bus. The bus is made after the engine, so it is set later, before the engine
/// starts.
class BusDownlink final : public Downlink {
 public:
  explicit BusDownlink(const base::Clock& clock) : clock_(clock) {}

  void connect(std::shared_ptr<Bus> bus) { bus_ = std::move(bus); }

  void match(std::span<const std::string_view> keys, std::vector<routing::Match>& out) const override;
  void everyone(std::vector<routing::Match>& out) const override;
  void deliver(routing::ListenerHandle listener, const std::shared_ptr<const routing::Arrived>& event,
               std::optional<std::size_t> key) override;
  void deliver_gap(routing::ListenerHandle listener, const Gap& gap) override;
  [[nodiscard]] bool crowded() const override;

 private:
  const base::Clock& clock_;
  std::shared_ptr<Bus> bus_;
  // Listeners of one event follow each other, so the last event is all there is to remember for sharing its
  // decoding.
  std::weak_ptr<const routing::Arrived> last_arrived_;
  std::shared_ptr<delivery::InboundEvent> last_event_;
  // When a listener with a crowded inbox last went on. Guarded by the engine's lock, as all here.
  mutable bool crowded_before_ = false;
  mutable std::uint64_t taken_ = 0;
  mutable base::MonoTime taken_at_{};
};

}  // namespace evmesh::bus
