#pragma once

#include <map>
#include <string>

#include "evmesh/session.hpp"

namespace evmesh::cli {

/// What the members of a mesh are called, as the asked node knows them.
class NodeNames {
 public:
  /// Asks once. Who is not known, or when the node does not say, is called by the first digits of the id.
  explicit NodeNames(Session& session);

  /// Of an id that stands as JSON in an answer; empty for null.
  [[nodiscard]] std::string name_of(const std::string& json) const;

 private:
  std::map<std::string, std::string> names_;  // by id
};

}  // namespace evmesh::cli
