#include "counting_listener.hpp"

evmesh::Outcome CountingListener::handle(const evmesh::Delivery& delivery) {
  if (delivery.event.user().empty()) return evmesh::Outcome::refuse("the event has no user");
  const std::lock_guard lock(mutex_);
  ++counts_[delivery.event.user()];
  return evmesh::Outcome::done();
}

std::uint64_t CountingListener::count(const std::string& user) const {
  const std::lock_guard lock(mutex_);
  const auto found = counts_.find(user);
  return found == counts_.end() ? 0 : found->second;
}
