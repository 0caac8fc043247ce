#include "transport/send_queue.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::transport {

bool SendQueue::push(Class cls, zmq::message_t&& message) {
  const auto index = static_cast<std::size_t>(cls);
  Lane& lane = lanes_[index];
  if (!lane.messages.empty() && lane.bytes + message.size() > queue_bytes_max[index]) return false;
  lane.bytes += message.size();
  lane.messages.push_back(std::move(message));
  return true;
}

bool SendQueue::occupied_for(Class cls) const {
  const auto end = lanes_.begin() + static_cast<std::ptrdiff_t>(cls) + 1;
  return std::any_of(lanes_.begin(), end, [](const Lane& lane) { return !lane.messages.empty(); });
}

SendQueue::Lane* SendQueue::first_waiting() {
  const auto waits = [](const Lane& lane) { return !lane.messages.empty(); };
  const auto found = std::ranges::find_if(lanes_, waits);
  return found == lanes_.end() ? nullptr : &*found;
}

zmq::message_t* SendQueue::front() {
  Lane* const lane = first_waiting();
  return lane == nullptr ? nullptr : &lane->messages.front();
}

void SendQueue::pop(std::size_t bytes) {
  Lane* const lane = first_waiting();
  if (lane == nullptr) return;
  lane->bytes -= bytes;
  lane->messages.pop_front();
}

bool SendQueue::empty() const {
  return std::ranges::all_of(lanes_, [](const Lane& lane) { return lane.messages.empty(); });
}

}  // namespace evmesh::transport
