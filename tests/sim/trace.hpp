#pragma once

#include <string>
#include <string_view>

#include "sim/timeline.hpp"

namespace evmesh::sim {

/// Prints every step of one run, or nothing. Made to be read beside the code.
class Trace {
 public:
  Trace(bool on, const Timeline& timeline) : on_(on), timeline_(timeline) {}

  [[nodiscard]] bool on() const { return on_; }

  /// One line: time, host, what happens. Nothing is formatted when the trace is off if callers ask `on` first.
  void line(unsigned host, std::string_view what) const;

 private:
  const bool on_;
  const Timeline& timeline_;
};

/// A frame in words: kind, lives, and what the kinds of routing say.
[[nodiscard]] std::string describe(std::string_view frame);

}  // namespace evmesh::sim
