#include "sim/run_simulator.hpp"
#include "world.hpp"

namespace {

constexpr const char* usage =
    R"(usage: sim_group [--seeds COUNT] [--first N] [--jobs N] [--regressions FILE] [--until-failure]
       sim_group --seed N [--trace]

Runs meshes of two to seven nodes that share group work, under virtual time, over a network that breaks and disks
that crash and are lost, and checks every promise. COUNT is 10000, or EVMESH_SIM_SEEDS. FILE names seeds that failed
once; they run first. A run of at least 10000 seeds fails when a rare situation never came up.
)";

}  // namespace

int main(int argc, char** argv) {
  using namespace evmesh;
  return sim::run_simulator<sim_group::World>(
      {.name = "sim_group", .usage = usage, .full_run = 10'000, .rare = sim_group::rare_situations()}, argc,
      argv);
}
