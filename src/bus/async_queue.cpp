#include "bus/async_queue.hpp"

#include <string>
#include <utility>

#include "delivery/inbound_event.hpp"

namespace evmesh::bus {
namespace {

std::uint64_t bytes_of(const AsyncDispatch& dispatch) {
  std::uint64_t bytes = delivery::memory_bytes(dispatch.event);
  for (const RegistrationKey& key : dispatch.keys) bytes += sizeof(key) + key.to_string().size();
  return bytes;
}

}  // namespace

Result<void> AsyncQueue::add(AsyncDispatch dispatch, const Start& start) {
  const std::uint64_t bytes = bytes_of(dispatch);
  const std::lock_guard lock(mutex_);
  // One always fits, whatever its size: the limit on events bounds it.
  if (waiting_.size() >= bounds_.items_max || (!waiting_.empty() && bytes_ + bytes > bounds_.bytes_max)) {
    return fail(ErrorCode::busy, std::to_string(waiting_.size()) + " asynchronous dispatches of " +
                                     std::to_string(bytes_) + " bytes wait already; try again later");
  }
  waiting_.push_back({std::move(dispatch), bytes});
  bytes_ += bytes;
  if (!started_) started_ = start();
  return {};
}

std::vector<AsyncDispatch> AsyncQueue::take(std::size_t max, std::uint64_t bytes_max) {
  std::vector<AsyncDispatch> taken;
  const std::lock_guard lock(mutex_);
  for (std::uint64_t bytes = 0; !waiting_.empty() && taken.size() < max;) {
    bytes += waiting_.front().bytes;
    if (!taken.empty() && bytes > bytes_max) break;
    taken.push_back(std::move(waiting_.front().dispatch));
    bytes_ -= waiting_.front().bytes;
    waiting_.pop_front();
  }
  return taken;
}

void AsyncQueue::come_again(const Start& start) {
  const std::lock_guard lock(mutex_);
  started_ = !waiting_.empty() && start();
}

}  // namespace evmesh::bus
