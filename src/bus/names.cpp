#include <evmesh/node.hpp>

namespace evmesh {

std::string_view to_string(Degraded degraded) {
  return degraded == Degraded::allow ? "allow" : "refuse";
}

std::string_view to_string(Level level) {
  switch (level) {
    case Level::memory: return "memory";
    case Level::disk: return "disk";
    case Level::replicated: return "replicated";
  }
  return "unknown_level";
}

std::string_view to_string(Mode mode) {
  switch (mode) {
    case Mode::mono: return "mono";
    case Mode::scale_efficient: return "scale-efficient";
    case Mode::broadcast: return "broadcast";
  }
  return "unknown";
}

std::string_view to_string(DeliveryModel model) {
  switch (model) {
    case DeliveryModel::synchronous: return "synchronous";
    case DeliveryModel::mixed: return "mixed";
    case DeliveryModel::asynchronous: return "asynchronous";
  }
  return "unknown";
}

std::string_view to_string(MemberState state) {
  switch (state) {
    case MemberState::alive: return "alive";
    case MemberState::suspect: return "suspect";
    case MemberState::dead: return "dead";
    case MemberState::left: return "left";
  }
  return "unknown";
}

}  // namespace evmesh
