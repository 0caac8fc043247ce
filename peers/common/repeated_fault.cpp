#include "common/repeated_fault.hpp"

#include <chrono>
#include <utility>

#include "base/log_sink.hpp"

#include "common/duration.hpp"

namespace evmesh::peers {
namespace {

constexpr std::chrono::seconds say_again{10};

std::string rounded(std::chrono::nanoseconds duration) {
  return format_duration(std::chrono::duration_cast<std::chrono::milliseconds>(duration));
}

}  // namespace

RepeatedFault::RepeatedFault(LogSink sink, std::string_view name) : sink_(std::move(sink)), name_(name) {}

void RepeatedFault::failed(base::MonoTime now, const std::string& why) {
  if (times_ == 0) began_ = now;
  ++times_;
  const bool changed = why != why_;
  if (!changed && now - said_ < say_again) return;
  base::log(sink_, LogLevel::warning, name_,
            {{"times", std::to_string(times_)}, {"for", rounded(now - began_)}, {"why", why}});
  why_ = why;
  said_ = now;
}

void RepeatedFault::passed(base::MonoTime now) {
  if (times_ == 0) return;
  base::log(sink_, LogLevel::info, name_ + "_over",
            {{"times", std::to_string(times_)}, {"for", rounded(now - began_)}});
  times_ = 0;
  why_.clear();
}

std::chrono::nanoseconds RepeatedFault::since(base::MonoTime now) const {
  return times_ == 0 ? std::chrono::nanoseconds{0} : now - began_;
}

}  // namespace evmesh::peers
