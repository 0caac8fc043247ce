#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "work/executor.hpp"
#include "work/mesh_rig.hpp"

namespace evmesh::work::test {

using wire::WorkEnding;

inline constexpr std::uint64_t group_hash = 7;
inline constexpr GroupIndex group = 3;

/// Node 9 runs a group for the custodians 1 and 2.
class ExecutorRig : public Around {
 public:
  explicit ExecutorRig(ExecutorOptions options = {}, std::uint32_t slots = 4) : executor(with_self(options)) {
    executor.runs(turn(), group, group_hash, slots);
    for (const std::uint8_t node : {1, 2}) executor.member_up(turn(), life(node));
    pump();
    frames.clear();
  }

  static ExecutorOptions with_self(ExecutorOptions options) {
    options.self = life(9);
    return options;
  }

  wire::Delivered delivery(std::uint64_t seq, Custody custody = {0, node_id(1), 1},
                           std::uint32_t attempt = 1) {
    return {work_name(seq), attempt, custody, false, false, "event"};
  }
  void deliver(const Life& from, std::uint64_t first, std::vector<wire::Delivered> deliveries) {
    executor.on(turn(), from, wire::Deliver{first, std::move(deliveries)}, wire::Buffer{});
    pump();
  }
  void query(const Life& from, std::vector<NumberRange> numbers) {
    executor.on(turn(), from, wire::Query{std::move(numbers)});
    pump();
  }
  void retire(const Life& from, std::uint64_t through, std::vector<NumberRange> also = {}) {
    executor.on(turn(), from, wire::Retired{through, std::move(also)});
    pump();
  }
  void pump() { executor.pump(turn()); }
  void advance(std::chrono::nanoseconds by) {
    now += by;
    executor.tick(turn());
    pump();
  }

  std::vector<Job> take(std::size_t max = 100) {
    std::vector<Job> jobs;
    executor.take(now, group, max, jobs);
    return jobs;
  }
  void finish(const Job& job, Ran ran = {}) {
    executor.finished(turn(), job.handle, ran);
    pump();
  }
  /// One runs, from delivery to its end, and takes so long.
  void run_one(const Life& from, std::uint64_t number, std::chrono::nanoseconds takes) {
    deliver(from, number, {delivery(number + 1'000)});
    const auto jobs = take(1);
    now += takes;
    finish(jobs.at(0));
  }

  /// All verdicts that were said to `to`, as (number, ending).
  std::vector<std::pair<std::uint64_t, WorkEnding>> verdicts(const Life& to) {
    std::vector<std::pair<std::uint64_t, WorkEnding>> found;
    for (const auto& frame : said<wire::Verdicts>(to)) {
      for (const auto& it : frame.verdicts) found.emplace_back(it.number, it.ending);
    }
    return found;
  }
  /// The credit that was said to `to` last.
  std::uint64_t credit(const Life& to) {
    const auto frames = said<wire::Credit>(to);
    return frames.empty() ? 0 : frames.back().entries.at(0).limit;
  }
  [[nodiscard]] std::size_t ready() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(actions, [](const Action& it) { return std::holds_alternative<Ready>(it); }));
  }

  Executor executor;
};

}  // namespace evmesh::work::test
