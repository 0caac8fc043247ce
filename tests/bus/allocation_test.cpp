// What a dispatch in mono asks of the heap. Apart from the other tests: it replaces operator new in its program.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus::test;

namespace {

constexpr std::uint64_t dispatches = 10'000;

thread_local std::uint64_t here = 0;        // of this thread
std::atomic<std::uint64_t> everywhere = 0;  // of all threads

void* counted(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t)) noexcept {
  ++here;
  everywhere.fetch_add(1, std::memory_order_relaxed);
  const std::size_t rounded = (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  return std::aligned_alloc(alignment, rounded);
}

void* counted_or_throw(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t)) {
  void* const memory = counted(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted_or_throw(bytes); }
void* operator new[](std::size_t bytes) { return counted_or_throw(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes); }
void* operator new(std::size_t bytes, std::align_val_t to) { return counted_or_throw(bytes, std::size_t(to)); }
void* operator new[](std::size_t bytes, std::align_val_t to) { return counted_or_throw(bytes, std::size_t(to)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

Event long_event() { return Event({.type = "allocation.test", .user = "bob", .payload = std::string(256, 'x')}); }

/// A mono node with one synchronous key listener that counts.
struct Listening {
  std::unique_ptr<Node> node = must(Node::open({}));
  EventBus& bus = node->bus();
  RegistrationKey on = key("Key:longer-than-what-fits-into-a-string");
  std::uint64_t heard = 0;
  Registration registration = must(bus.register_listener(make_listener([this](const Event&) { ++heard; }), on));

  void dispatch(const Event& event) {
    if (!bus.dispatch(event, on)) FAIL("a dispatch failed");
  }
};

/// What `dispatches` of `make` ask for, on this thread.
template <class Make>
std::uint64_t asked_by(Make make) {
  const auto before = here;
  for (std::uint64_t number = 0; number < dispatches; ++number) make();
  return here - before;
}

}  // namespace

TEST_CASE("a dispatch to a synchronous key listener in mono allocates nothing", "[allocations]") {
  Listening listening;
  const Event event = long_event();
  listening.dispatch(event);  // what is made once is made now

  const auto before = everywhere.load();
  const auto asked = asked_by([&] { listening.dispatch(event); });
  const auto by_all = everywhere.load() - before;

  CHECK(asked == 0);
  CHECK(by_all < dispatches / 10);  // other threads may live, but not by each dispatch
  CHECK(listening.heard == dispatches + 1);
}

TEST_CASE("what a fresh event asks for is all that making and dispatching it asks for", "[allocations]") {
  Listening listening;
  listening.dispatch(long_event());

  const auto made = asked_by([] { static_cast<void>(long_event()); });
  const auto dispatched = asked_by([&] { listening.dispatch(long_event()); });

  CHECK(made >= dispatches);  // the count sees something
  CHECK(dispatched == made);
}
