#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host.hpp"
#include "process.hpp"

namespace evmesh::sim_group {

/// How a run ended.
struct Outcome {
  std::uint64_t seed = 0;
  std::optional<Violation> violation;
  std::uint64_t step = 0;
  std::chrono::milliseconds time{0};
  Totals totals;
};

/// Nodes, their lives, their load and their faults under one seed. Thread-bound.
class World {
 public:
  World(std::uint64_t seed, bool trace) : World(draw(seed), trace) {}
  World(const Plan& plan, bool trace);

  [[nodiscard]] Outcome run();

 private:
  // world.cpp: lives and the course of a run.
  void build();
  void play();
  void begin_life(HostIndex host);
  void end_life(HostIndex host, End end);
  void come_back(HostIndex host, nanoseconds wait);
  void heal();
  void make_runnable();
  void run_until(MonoTime end);
  /// Until nothing is owed; false when that takes too long.
  [[nodiscard]] bool run_until_over();
  [[nodiscard]] bool over() const;
  void be_quiet();
  void work_again();
  void check_growth();
  [[nodiscard]] std::string owed() const;
  [[nodiscard]] bool broken() const { return ledger_.violation().has_value(); }

  // world_watch.cpp: what is looked at now and then.
  void watch();
  void secure();
  [[nodiscard]] bool secured(Ledger::Fresh& fresh);
  [[nodiscard]] bool leaves_unheard(const Life& life);
  void look_at_copies(std::vector<std::pair<HostIndex, Position>> ends);

  // world_load.cpp: what applications and operators do.
  void plan_load();
  void burst(HostIndex host);
  [[nodiscard]] Habit habit();
  void operate();

  // world_faults.cpp
  void plan_faults();
  void fault();
  void cut_off();
  void one_way();
  void fill_disk(Host& host);
  void cut_power(HostIndex host);
  void lose_disk(HostIndex host, bool for_good);
  void wipe(HostIndex host);
  Ledger::Held empty_disk(HostIndex host);
  void change_runners(Host& host);
  void toggle_pause();
  [[nodiscard]] std::vector<HostIndex> present() const;

  Totals totals_;
  const Plan plan_;
  sim::Timeline timeline_;
  sim::Dice dice_;
  Ledger ledger_;
  std::set<work::GroupIndex> paused_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<std::unique_ptr<Process>> ended_;  // until nothing of them is on the stack
  Network network_;
  Members members_;
  Tap tap_{totals_};
  Stage stage_;
  bool faulty_ = true;
  std::uint64_t event_number_ = 0;
  unsigned disks_lost_ = 0;
  MonoTime life_began_{};  // the last one
  unsigned opened_in_vain_ = 0;
  std::optional<MonoTime> calm_since_;
};

}  // namespace evmesh::sim_group
