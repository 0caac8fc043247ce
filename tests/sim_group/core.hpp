#pragma once

#include "work/core.hpp"

namespace evmesh::sim_group {

using work::Core;
using work::CoreOptions;

template <class AnyCore>
void tell_finished(AnyCore& core, work::Turn turn, const work::Job& job, const work::Ran& ran) {
  if constexpr (requires { core.finished(turn, job, ran); }) {
    core.finished(turn, job, ran);
  } else {
    core.finished(turn, job.handle, ran);
  }
}

template <class AnyCore>
void tell_loaded(AnyCore& core, work::Turn turn, work::Handle handle,
                 std::shared_ptr<const work::Parcel> event) {
  if constexpr (requires { core.loaded(turn, handle, event, "it cannot be read"); }) {
    core.loaded(turn, handle, event, "it cannot be read");
  } else {
    core.loaded(turn, handle, event);
  }
}

template <class AnyCore>
void tell_recovered(AnyCore& core, work::Turn turn, const std::optional<std::vector<work::Flight>>& flights) {
  if constexpr (requires { core.recovered(turn, flights); }) {
    core.recovered(turn, flights);
  } else {
    core.machine().recovered(turn.now, turn.wall, flights, turn.log);
  }
}

/// Whether nodes share their work.
#ifdef EVMESH_SIM_MESHED
inline constexpr bool meshed = true;
#else
inline constexpr bool meshed = false;
#endif

/// Whether they keep copies for each other.
#ifdef EVMESH_SIM_COPIED
inline constexpr bool copied = true;
#else
inline constexpr bool copied = false;
#endif

}  // namespace evmesh::sim_group
