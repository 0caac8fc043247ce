#include "transport/message.hpp"

#include <cstring>
#include <memory>
#include <utility>

namespace evmesh::transport {
namespace {

/// `Owner` is deleted when ZeroMQ needs `bytes` no more.
template <class Owner>
zmq::message_t lend(std::string_view bytes, std::unique_ptr<Owner> owner) {
  const auto release = [](void*, void* kept) { delete static_cast<Owner*>(kept); };
  // ZeroMQ takes mutable bytes and never writes to them.
  zmq::message_t message(const_cast<char*>(bytes.data()), bytes.size(), release, owner.get());
  owner.release();  // only now: had the line above thrown, the bytes were still ours
  return message;
}

}  // namespace

zmq::message_t to_message(std::string&& frame) {
  if (frame.size() <= copied_bytes_max) return zmq::message_t(frame.data(), frame.size());
  auto owner = std::make_unique<std::string>(std::move(frame));
  const std::string_view bytes = *owner;
  return lend(bytes, std::move(owner));
}

zmq::message_t to_message(const wire::Buffer& frame) {
  if (frame.bytes.size() <= copied_bytes_max) return zmq::message_t(frame.bytes.data(), frame.bytes.size());
  return lend(frame.bytes, std::make_unique<std::shared_ptr<const void>>(frame.owner));
}

wire::Buffer to_buffer(zmq::message_t&& message) {
  const std::size_t size = message.size();
  if (size <= copied_bytes_max) {
    const std::shared_ptr<char[]> copy = std::make_shared_for_overwrite<char[]>(size);
    std::memcpy(copy.get(), message.data(), size);
    return {copy, std::string_view(copy.get(), size)};
  }
  const auto owner = std::make_shared<zmq::message_t>(std::move(message));
  return {owner, std::string_view(owner->data<char>(), size)};
}

}  // namespace evmesh::transport
