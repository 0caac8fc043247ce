#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

namespace evmesh::bus {

/// Puts operators' questions to the other members of the mesh. Thread-safe; blocks.
class Asker {
 public:
  struct Answered {
    NodeId id;
    std::string node;  ///< its name
    Result<std::string> answer;
  };

  /// What a member is asked with; nothing: it is not asked.
  using Arguments = std::function<std::optional<std::string>(const NodeId& member)>;

  Asker() = default;
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  virtual ~Asker() = default;

  /// Asks all members at once that have not left for good, and waits for their answers, at most `timeout`. By
  /// name. Errors of an answer: unknown_member (not there), deadline_exceeded, busy, closed, or what the
  /// member says.
  [[nodiscard]] virtual std::vector<Answered> ask(std::string_view operation, const Arguments& arguments,
                                                  std::chrono::milliseconds timeout) = 0;
};

}  // namespace evmesh::bus
