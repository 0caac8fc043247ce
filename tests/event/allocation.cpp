#include "allocation.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t total = 0;
thread_local std::size_t live =
    0;  // may wrap when a thread frees what another allocated; only differences count
thread_local std::size_t peak = 0;

}  // namespace

namespace evmesh::test {

Allocations::Allocations() : live_before_(live), total_before_(total) { peak = live; }
std::size_t Allocations::total_bytes() const { return total - total_before_; }
std::size_t Allocations::peak_bytes() const { return peak - live_before_; }

}  // namespace evmesh::test

// The nothrow forms too: Catch uses one, and AddressSanitizer's own would not fit the delete below.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) return nullptr;
  total += size;
  live += malloc_usable_size(memory);
  peak = std::max(peak, live);
  return memory;
}
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept {
  return ::operator new(size, nothrow);
}
void* operator new(std::size_t size) {
  void* const memory = ::operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size) { return ::operator new(size); }
void operator delete(void* memory) noexcept {
  if (memory != nullptr) live -= malloc_usable_size(memory);
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }
void operator delete[](void* memory) noexcept { ::operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { ::operator delete(memory); }
