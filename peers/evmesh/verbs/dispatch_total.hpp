#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "evmesh/output.hpp"
#include "evmesh/verbs/dispatch_done.hpp"

namespace evmesh::cli {

/// What one dispatch command has done so far, added up over its requests. Value.
class Total {
 public:
  /// A node whose interest matched an event.
  struct Node {
    std::string name;
    std::uint64_t first =
        0;  ///< numbers of the last request that concerned it: all earlier ones it gets before
    std::uint64_t last = 0;
    bool seen = false;
    double after_us = 0;  ///< when seen
  };

  /// Takes an `evmesh.receipt.v1` document. `keep_owed`: remembers all events that groups are owed.
  void add(const std::string& receipt, bool keep_owed = false);

  /// Takes an `evmesh.seen.v1` document; `waited` has passed since its nodes were first asked.
  void add_seen(const std::string& answer, std::chrono::microseconds waited);

  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }
  [[nodiscard]] std::uint64_t noops() const { return noops_; }
  [[nodiscard]] const std::string& bus() const { return bus_; }
  /// By node id.
  [[nodiscard]] const std::map<std::string, Node>& nodes() const { return nodes_; }
  [[nodiscard]] std::uint64_t seen() const;
  /// Ids of the events that groups were owed.
  [[nodiscard]] const std::vector<std::string>& owed() const { return owed_; }
  [[nodiscard]] double seconds() const;
  [[nodiscard]] std::chrono::steady_clock::time_point began() const { return began_; }

  /// One row and one document; who has seen it is left out unless `asked`.
  [[nodiscard]] Answer answer(bool asked, const std::optional<Ended>& ended = {}) const;

  /// "seen by b in 1.2 ms; not seen yet by c; ...", or nothing.
  [[nodiscard]] std::string sentence() const;

 private:
  [[nodiscard]] std::uint64_t interested() const;

  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::uint64_t requests_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t noops_ = 0;
  std::uint64_t listeners_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t told_ = 0;  // how many nodes the only request said were interested
  std::string bus_;
  std::uint64_t groups_ = 0;
  std::vector<std::string> owed_;
  std::vector<std::string> ids_;  // the first ones, or all of one request
  std::map<std::string, Node> nodes_;
};

}  // namespace evmesh::cli
