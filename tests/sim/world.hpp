#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ledger.hpp"
#include "plan.hpp"
#include "process.hpp"
#include "sim/network.hpp"
#include "sim/timeline.hpp"
#include "sim/totals.hpp"
#include "trace.hpp"

namespace evmesh::sim {

/// How a run ended.
struct Outcome {
  std::uint64_t seed = 0;
  std::optional<Violation> violation;
  std::uint64_t step = 0;
  std::chrono::milliseconds time{0};
  Totals totals;
};

/// A mesh, its load and its faults under one seed. Thread-bound.
class World {
 public:
  World(std::uint64_t seed, bool trace) : World(draw(seed), trace) {}
  World(const Plan& plan, bool trace);

  [[nodiscard]] Outcome run();

 private:
  struct Place {
    std::unique_ptr<Process> process;
    std::uint64_t epoch = 1'000;  // the highest so far
    std::uint8_t disks = 0;       // lost so far: each has an id of its own
    bool old_disk = false;        // at the next start
    bool left = false;  // for good
    bool leaving = false;
    Mode mode = Mode::broadcast;
    nanoseconds turn_pause{0};
    std::size_t turn_inputs = 256;  // at most, of a slow receiver
  };

  // world.cpp: the course of a run.
  void play();
  void start(Host host);
  void end(Host host, bool abruptly, bool said_goodbye);
  void heal();
  void check_gaps();
  [[nodiscard]] std::optional<std::string> not_converged() const;
  [[nodiscard]] std::optional<std::string> missing() const;
  [[nodiscard]] std::set<Life> living() const;
  void look_around();

  // world_load.cpp: what applications do.
  void plan_load();
  void burst();
  void change();
  void first_registrations(Process& process);
  void add_registration(Process& process);
  [[nodiscard]] KeySet some_keys(unsigned at_most);
  [[nodiscard]] Process* someone();

  // world_faults.cpp: what goes wrong.
  void plan_faults();
  void fault();
  void delay();
  void cut(bool both_ways);
  void pause();
  Place* crash();
  void forget();
  void removed(Host host);
  void stop(bool change_mode);
  void slow_link();
  void crowd();

  Totals totals_;
  const Plan plan_;
  Timeline timeline_;
  Dice dice_;
  Dice load_dice_;
  const Trace trace_;
  Network network_;
  Ledger ledger_;
  Stage stage_;
  std::vector<Place> places_;
  bool faulty_ = true;
  bool loaded_ = true;
  MonoTime began_;
  std::uint64_t event_number_ = 0;
  std::uint64_t last_listener_ = 0;
};

}  // namespace evmesh::sim
