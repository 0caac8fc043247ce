#include "bus/group_rules.hpp"

#include <cstdint>
#include <string_view>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::bus {

namespace {

Result<void> out_of_range(std::string_view option, std::uint64_t value, std::string_view range) {
  return fail(ErrorCode::invalid_argument,
              std::string(option) + " is " + std::to_string(value) + "; it must be " + std::string(range));
}

}  // namespace

Result<void> check_group(const std::string& bus, const Group& group, const GroupOptions& options) {
  if (group == Group::dispatching_failure(bus)) {
    return fail(ErrorCode::invalid_argument, "group " + base::quoted(group.to_string()) +
                                                 " keeps events whose dispatch failed; choose another name");
  }
  if (options.concurrency < 1 || options.concurrency > limits::group_concurrency_max) {
    return fail(ErrorCode::invalid_argument, "concurrency is " + std::to_string(options.concurrency) +
                                                 "; it must be 1 to " +
                                                 std::to_string(limits::group_concurrency_max));
  }
  if (options.execution_timeout.count() <= 0) {
    return fail(ErrorCode::invalid_argument, "execution_timeout is " +
                                                 std::to_string(options.execution_timeout.count()) +
                                                 " ms; it must be positive");
  }
  if (options.backlog_max < 1 || options.backlog_max > limits::group_backlog_max_highest) {
    return out_of_range("backlog_max", options.backlog_max, "1 to 100000000");
  }
  if (options.backlog_bytes_max < limits::mib) {
    return out_of_range("backlog_bytes_max", options.backlog_bytes_max, "1048576 (1 MiB) or more");
  }
  return options.retry.check();
}

void require(wire::GroupEntry& entry, const GroupOptions& options) {
  if (!entry.present) {
    entry.paused = false;
    entry.pause_reason.clear();
  }
  entry.present = true;
  entry.critical = options.critical;
  entry.retry = options.retry;
  entry.backlog_max = options.backlog_max;
  entry.backlog_bytes_max = options.backlog_bytes_max;
  entry.refuse_at_backlog = options.refuse_at_backlog;
}

work::Ran to_ran(const delivery::Ran& ran) {
  using Kind = Outcome::Kind;
  using delivery::Ending;
  work::Ran result;
  if (ran.ending == Ending::skipped) return result;
  if (ran.ending == Ending::failed) {
    result.ending = work::Ran::Ending::failed;
    result.error = ran.error;
    return result;
  }
  const Kind kind = ran.outcome.kind();
  if (kind == Kind::done) return result;
  result.error = ran.outcome.reason();
  result.not_before = ran.outcome.delay();
  result.ending = kind == Kind::refused        ? work::Ran::Ending::refused
                  : kind == Kind::unknown_type ? work::Ran::Ending::unknown_type
                                               : work::Ran::Ending::failed;
  if (result.error.empty()) {
    result.error = kind == Kind::retry ? "the listener asked to be run again" : "refused without a reason";
  }
  return result;
}

}  // namespace evmesh::bus
