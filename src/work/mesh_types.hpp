#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "wire/frames.hpp"
#include "wire/life.hpp"
#include "wire/work_frames.hpp"
#include "work/types.hpp"

namespace evmesh::work {

using wire::Custody;
using wire::Life;
using wire::NumberRange;
using wire::WorkName;

/// How much a link can take now.
class Room {
 public:
  Room() = default;
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  virtual ~Room() = default;

  /// Bytes of `frame_class` that may be sent to the member now without piling up; 0: none.
  [[nodiscard]] virtual std::uint64_t room_bytes(const Life& to, wire::Class frame_class) const = 0;
};

/// Send an encoded frame to a member that is up.
struct SendFrame {
  Life to;
  wire::Class frame_class = wire::Class::control;
  std::string bytes;
};
using Frames = std::vector<SendFrame>;

/// The surroundings of one call: when it is, and where what comes of it goes.
struct Turn {
  MonoTime now;
  Timestamp wall{};
  storage::Commit& log;
  Actions& actions;
  Frames& frames;
};

}  // namespace evmesh::work
