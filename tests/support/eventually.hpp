#pragma once

#include <chrono>
#include <thread>

namespace evmesh::support {

/// True as soon as `holds()` is; false when it is not within `deadline`. Asked about every millisecond, at least once.
/// The one place where a test may wait for real time; choose a deadline ten times what is expected.
template <class Condition>
[[nodiscard]] bool eventually(std::chrono::milliseconds deadline, Condition&& holds) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace evmesh::support
