#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "wire/frames.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::bus {

/// What the engine needs of group work. Called under the engine's lock: nothing here waits for a disk, calls the engine,
/// or runs a listener.
class WorkLine {
 public:
  WorkLine() = default;
  WorkLine(const WorkLine&) = delete;
  WorkLine& operator=(const WorkLine&) = delete;
  virtual ~WorkLine() = default;

  /// As membership says it: the same life may come up again after it went down, and not after it ended.
  virtual void member_up(const wire::Life& life, const std::string& name, bool transient) = 0;
  virtual void member_down(const wire::Life& life) = 0;
  virtual void life_ended(const wire::Life& life, bool clean) = 0;
  /// No life of it is to be expected any more.
  virtual void gone(const NodeId& node) = 0;
  /// This node goes on as a later life of itself. All members are down.
  virtual void raise_epoch(std::uint64_t epoch) = 0;

  /// A frame of group work from a member that is up.
  virtual void on_frame(const wire::Life& from, const wire::Frame& frame, const wire::Buffer& bytes) = 0;

  /// Appends what is to be sent now, as far as the links have room. At the end of every turn. True: there is
  /// more already, another turn is to follow.
  [[nodiscard]] virtual bool pump(const work::Room& room, work::Frames& out) = 0;
};

}  // namespace evmesh::bus
