#include "rare_situations.hpp"
#include "run_simulator.hpp"
#include "world.hpp"

namespace {

constexpr const char* usage =
    R"(usage: sim [--seeds COUNT] [--first N] [--jobs N] [--regressions FILE] [--until-failure]
       sim --seed N [--trace]

Runs whole meshes under virtual time and checks every promise at every step. COUNT is 2000, or EVMESH_SIM_SEEDS. FILE
names seeds that failed once; they run first. A run of at least 2000 seeds fails when a rare situation never came up.
)";

}  // namespace

int main(int argc, char** argv) {
  using namespace evmesh;
  return sim::run_simulator<sim::World>(
      {.name = "sim", .usage = usage, .full_run = 2'000, .rare = sim::rare_situations()}, argc, argv);
}
