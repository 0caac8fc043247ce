#include "delivery/call_gate.hpp"

#include <utility>

namespace evmesh::delivery {

bool CallGate::enter() noexcept {
  if ((state_.fetch_add(1) & closed_bit) == 0) return true;
  leave();
  return false;
}

void CallGate::leave() {
  if (state_.fetch_sub(1) == (closed_bit | 1U)) announce_empty();
}

void CallGate::close() { state_.fetch_or(closed_bit); }

void CallGate::wait() {
  std::unique_lock lock(mutex_);
  emptied_.wait(lock, [this] { return empty(); });
}

void CallGate::when_empty(std::function<void()> action) {
  {
    const std::lock_guard lock(mutex_);
    if (!empty()) {
      actions_.push_back(std::move(action));
      return;
    }
  }
  action();
}

void CallGate::announce_empty() {
  std::vector<std::function<void()>> actions;
  {
    const std::lock_guard lock(mutex_);
    actions.swap(actions_);
    emptied_.notify_all();
  }
  for (const auto& action : actions) action();
}

}  // namespace evmesh::delivery
