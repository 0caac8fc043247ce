#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "totals.hpp"
#include "wire/frames.hpp"
#include "wire/life.hpp"

namespace evmesh::sim_group {

/// Reads along, and counts the rare situations that frames show. Thread-bound.
class Tap {
 public:
  explicit Tap(Totals& totals) : totals_(totals) {}

  /// It arrived.
  void seen(const wire::Life& from, const wire::Life& to, const wire::Frame& frame);

 private:
  using Pair = std::pair<wire::Life, wire::Life>;  // custodian or owner, then the other

  template <class Other>
  void look(const wire::Life&, const wire::Life&, const Other&) {}
  void look(const wire::Life& from, const wire::Life& to, const wire::Deliver& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Verdicts& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Retired& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Query& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Unknown& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Copy& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Guard& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Adopted& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::AdoptedAnswer& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::ClaimAnswer& it);
  void look(const wire::Life& from, const wire::Life& to, const wire::Stale& it);

  struct Fence {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  Totals& totals_;
  std::map<Pair, std::vector<Fence>> fences_;
  std::map<Pair, std::uint64_t> snapshots_;  // that have begun, and of which set
  std::map<std::tuple<NodeId, std::uint64_t, std::uint32_t>, std::set<NodeId>> adopters_;
};

}  // namespace evmesh::sim_group
