#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <evmesh/bus.hpp>

#include "bus/group_runner.hpp"
#include "delivery/strand.hpp"

namespace evmesh {

/// How a registration comes to its end.
enum class Parting : std::uint8_t {
  destroyed,
  unregistered,
  forgotten,
};

/// What a registration does; it may outlive its bus and its node. Thread-safe.
class Registration::Impl {
 public:
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  virtual ~Impl() = default;

  virtual Unregistered part(Parting how, std::function<void()> on_drained) = 0;
  [[nodiscard]] virtual RegistrationReceipt receipt(std::chrono::milliseconds timeout) const = 0;
  [[nodiscard]] virtual bool active() const = 0;
};

namespace bus {

class Bus;

/// A key or each-node registration.
class PlaceRegistration final : public Registration::Impl {
 public:
  PlaceRegistration(std::weak_ptr<Bus> bus, const std::shared_ptr<delivery::Place>& place)
      : bus_(std::move(bus)), place_(place), version_(place->version), registered_at_(place->registered_at) {}

  Unregistered part(Parting how, std::function<void()> on_drained) override;
  [[nodiscard]] RegistrationReceipt receipt(std::chrono::milliseconds timeout) const override;
  [[nodiscard]] bool active() const override {
    const auto place = place_.lock();
    return place && place->gate.open();
  }

 private:
  const std::weak_ptr<Bus> bus_;
  // The bus and running calls own it: a handle that was unregistered does not keep the listener.
  const std::weak_ptr<delivery::Place> place_;
  const std::uint64_t version_;
  const base::MonoTime registered_at_;
};

/// A group registration.
class GroupRegistration final : public Registration::Impl {
 public:
  GroupRegistration(std::weak_ptr<Bus> bus, const std::shared_ptr<GroupRunner>& runner, base::MonoTime began)
      : bus_(std::move(bus)), runner_(runner), group_(runner->group()), registered_at_(began) {}

  Unregistered part(Parting how, std::function<void()> on_drained) override;
  [[nodiscard]] RegistrationReceipt receipt(std::chrono::milliseconds timeout) const override;
  [[nodiscard]] bool active() const override {
    const auto runner = runner_.lock();
    return runner && runner->gate().open();
  }

 private:
  const std::weak_ptr<Bus> bus_;
  const std::weak_ptr<GroupRunner> runner_;  // as above
  const Group group_;
  const base::MonoTime registered_at_;
};

}  // namespace bus
}  // namespace evmesh
