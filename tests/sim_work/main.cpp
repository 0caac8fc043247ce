#include "sim/run_simulator.hpp"
#include "world.hpp"

namespace {

constexpr const char* usage =
    R"(usage: sim_work [--seeds COUNT] [--first N] [--jobs N] [--regressions FILE] [--until-failure]
       sim_work --seed N [--trace]

Runs nodes that owe group work, under virtual time and over a disk that crashes, and checks every promise. COUNT is
5000, or EVMESH_SIM_SEEDS. FILE names seeds that failed once; they run first. A run of at least 5000 seeds fails when a rare
situation never came up.
)";

}  // namespace

int main(int argc, char** argv) {
  using namespace evmesh;
  return sim::run_simulator<sim_work::World>(
      {.name = "sim_work", .usage = usage, .full_run = 5'000, .rare = sim_work::rare_situations()}, argc, argv);
}
