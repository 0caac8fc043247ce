#include "bus/registration.hpp"

#include <utility>

#include "bus/bus.hpp"

namespace evmesh {

Registration::Registration() noexcept = default;
Registration::Registration(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Registration::Registration(Registration&&) noexcept = default;

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  release();
  impl_ = std::move(other.impl_);
  return *this;
}

Registration::~Registration() { release(); }

void Registration::release() {
  if (impl_) impl_->part(Parting::destroyed, {});
}

Unregistered Registration::unregister(std::function<void()> on_drained) {
  return impl_ ? impl_->part(Parting::unregistered, std::move(on_drained)) : Unregistered::done;
}

Unregistered Registration::forget(std::function<void()> on_drained) {
  return impl_ ? impl_->part(Parting::forgotten, std::move(on_drained)) : Unregistered::done;
}

RegistrationReceipt Registration::receipt(std::chrono::milliseconds timeout) const {
  return impl_ ? impl_->receipt(timeout) : RegistrationReceipt{};
}

bool Registration::active() const { return impl_ && impl_->active(); }

namespace bus {
namespace {

/// The bus and its node are gone; then no call of theirs runs, and this waits for nobody's.
Unregistered leave_ended(delivery::CallGate& gate) {
  gate.close();
  gate.wait();
  return Unregistered::done;
}

}  // namespace

Unregistered PlaceRegistration::part(Parting, std::function<void()> on_drained) {
  const auto place = place_.lock();
  if (!place) return Unregistered::done;
  const auto bus = bus_.lock();
  return bus ? bus->leave(place, std::move(on_drained)) : leave_ended(place->gate);
}

RegistrationReceipt PlaceRegistration::receipt(std::chrono::milliseconds timeout) const {
  const auto bus = bus_.lock();
  return bus ? bus->acknowledged(version_, registered_at_, timeout) : RegistrationReceipt{};
}

Unregistered GroupRegistration::part(Parting how, std::function<void()> on_drained) {
  const auto runner = runner_.lock();
  if (!runner) return Unregistered::done;
  const auto bus = bus_.lock();
  return bus ? bus->leave(runner, how, std::move(on_drained)) : leave_ended(runner->gate());
}

RegistrationReceipt GroupRegistration::receipt(std::chrono::milliseconds timeout) const {
  const auto bus = bus_.lock();
  return bus ? bus->acknowledged(group_, registered_at_, timeout) : RegistrationReceipt{};
}

}  // namespace bus
}  // namespace evmesh
