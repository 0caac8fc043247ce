#include "group_listener.hpp"

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace evmesh::durable {

void Shared::count(std::uint64_t execution) {
  ++runs;
  if (execution < counted_.size()) ++counted_[execution];
}

std::pair<std::uint64_t, std::uint64_t> Shared::once_and_more() const {
  std::pair<std::uint64_t, std::uint64_t> sums{0, 0};
  for (const auto& each : counted_) {
    sums.first += each == 1 ? 1 : 0;
    sums.second += each > 1 ? 1 : 0;
  }
  return sums;
}

void Shared::ended() {
  ++ends_;
  {
    const std::lock_guard lock(mutex_);
  }
  changed_.notify_all();
}

void Shared::wait_ended(std::uint64_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ends_ >= count; });
}

void Shared::hold() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return released_; });
}

void Shared::release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
}

void Shared::breathe() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds{5});
}

std::uint64_t number_of(const Event& event) { return std::strtoull(event.payload().c_str(), nullptr, 10); }

Outcome GroupListener::handle(const Delivery& delivery) {
  const std::uint64_t number = number_of(delivery.event);
  shared_.count((number - plan_.from) * plan_.groups + std::strtoull(group_.c_str() + 1, nullptr, 10));
  if (delivery.possibly_duplicate) ++shared_.duplicates;
  say("run", delivery);
  if (group_ == "g0" && number == plan_.abort_at) std::abort();
  if (group_ == "g0" && number == plan_.hold) shared_.hold();
  if (plan_.work_us != 0) {
    const bool takes_long = plan_.long_every != 0 && number % plan_.long_every == 0;
    std::this_thread::sleep_for(std::chrono::microseconds{plan_.work_us * (takes_long ? 100 : 1)});
  }
  if (plan_.fail_every != 0 && number % plan_.fail_every == 0 && delivery.attempt == 1) {
    say("fail", delivery);
    throw std::runtime_error("told to fail");
  }
  if (group_ == "g1" && plan_.refuse_every != 0 && number % plan_.refuse_every == 0) {
    say("refuse", delivery);
    shared_.ended();
    return Outcome::refuse("told to refuse");
  }
  say("ok", delivery);
  shared_.ended();
  return Outcome::done();
}

void GroupListener::say(std::string_view what, const Delivery& delivery) {
  if (plan_.quiet != 0) return;
  ledger_.line(std::string(what) + ' ' + group_ + ' ' + std::to_string(number_of(delivery.event)) + ' ' +
               std::to_string(delivery.attempt) + (delivery.possibly_duplicate ? " maybe" : " first"));
}

}  // namespace evmesh::durable
