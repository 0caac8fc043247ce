#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "host.hpp"
#include "process.hpp"

namespace evmesh::sim_work {

/// How a run ended.
struct Outcome {
  std::uint64_t seed = 0;
  std::optional<Violation> violation;
  std::uint64_t step = 0;
  std::chrono::milliseconds time{0};
  Totals totals;
};

/// A node, its lives, its load and its faults under one seed. Thread-bound.
class World {
 public:
  World(std::uint64_t seed, bool trace);

  [[nodiscard]] Outcome run();

 private:
  // world.cpp: lives and the course of a run.
  void play();
  void begin_life();
  void end_life(End end);
  void heal();
  void run_until(MonoTime end);
  [[nodiscard]] bool broken() const { return ledger_.violation().has_value(); }

  // world_load.cpp: what applications, operators and faults do.
  void plan_load();
  void burst();
  [[nodiscard]] Habit habit();
  void operate();
  void plan_faults();
  void fault();
  void rot();
  void rot_repaired();

  Totals totals_;
  const Plan plan_;
  sim::Timeline timeline_;
  sim::Dice dice_;
  Ledger ledger_;
  Host host_;
  Stage stage_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<Process> ended_;  // until nothing of it is on the stack
  bool faulty_ = true;
  bool power_fails_ = false;  // the disk is told to lose its power in a call to come
  std::uint64_t event_number_ = 0;

  struct Rot {
    std::string name;
    std::uint64_t offset = 0;
    unsigned bit = 0;
  };
  std::optional<Rot> rot_;
  unsigned opened_in_vain_ = 0;
};

}  // namespace evmesh::sim_work
