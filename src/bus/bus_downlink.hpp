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
  void deliver(const routing::Deliver& events) override;
  void deliver_gap(routing::ListenerHandle listener, const Gap& gap) override;
  [[nodiscard]] bool crowded() const override;

 private:
  /// The events of one frame, for all listeners of this bus.
  struct Frame {
    explicit Frame(std::shared_ptr<const routing::Arrivals> arrived);

    std::shared_ptr<const routing::Arrivals> arrivals;
    std::unique_ptr<std::optional<delivery::InboundEvent>[]> events;  // they can be neither copied nor moved
  };

  const base::Clock& clock_;
  std::shared_ptr<Bus> bus_;
  // What the listeners get of one frame follows each other, so the last frame is all there is to remember for
  // sharing what is decoded. Kept: a listener may have had all of it before the next one gets it.
  std::shared_ptr<Frame> last_frame_;
  // When a listener with a crowded inbox last went on. Guarded by the engine's lock, as all here.
  mutable bool crowded_before_ = false;
  mutable std::uint64_t taken_ = 0;
  mutable base::MonoTime taken_at_{};
};

}  // namespace evmesh::bus
