#pragma once

#include <functional>
#include <vector>

#include "network.hpp"

namespace evmesh::sim_group {

/// A process as membership sees it.
class Station {
 public:
  Station() = default;
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;
  virtual ~Station() = default;

  [[nodiscard]] virtual Life life() const = 0;
  /// It takes part: it has started, and stands still at the moment or not.
  [[nodiscard]] virtual bool present() const = 0;
  [[nodiscard]] virtual bool frozen() const = 0;

  virtual void member_up(HostIndex host, const Life& life) = 0;
  virtual void member_down(const Life& life) = 0;
  virtual void life_ended(const Life& life, bool clean) = 0;
  virtual void gone(const NodeId& node) = 0;
};

/// Who is in the mesh, in the eyes of each: as the membership machine would say it, with its delays, but
/// without its frames. Dead is who was not heard, or could not hear, for 3 s, or whose process is gone for 1
/// s; the same life may come back. Thread-bound.
class Members {
 public:
  /// `station` gives the process of a node, null when there is none.
  Members(const Plan& plan, sim::Timeline& timeline, sim::Dice& dice, Totals& totals, Network& network,
          std::function<Station*(HostIndex)> station);

  void start();

  /// A process began or ended: what it sees begins anew.
  void forget_views(HostIndex observer);
  /// It stood still for so long, and allows others as much.
  void stood_still(HostIndex observer, nanoseconds time);
  void goodbye(HostIndex observer, const Life& from);
  /// Another node has its endpoint from now on, or it is forgotten by an operator: everybody is told sooner
  /// or later.
  void gone(const NodeId& node);

  /// A frame of that life is worth reading to `observer`: no later life of it is known.
  [[nodiscard]] bool accepts(HostIndex observer, const Life& from);

  /// How often somebody who lived was thought dead.
  [[nodiscard]] std::uint64_t false_deaths() const { return false_deaths_; }
  /// Everybody sees everybody.
  [[nodiscard]] bool settled() const;

 private:
  struct View {
    Life life;
    bool known = false;
    bool up = false;
    bool ended = false;
    bool coming = false;
    MonoTime heard{};
    nanoseconds patience{0};
  };

  [[nodiscard]] View& view(HostIndex observer, HostIndex subject) {
    return views_[observer * plan_.nodes + subject];
  }
  [[nodiscard]] const View& view(HostIndex observer, HostIndex subject) const {
    return views_[observer * plan_.nodes + subject];
  }
  void look_around();
  void look(HostIndex observer, HostIndex subject);
  void tell_gone(HostIndex observer);
  void meet(HostIndex observer, HostIndex subject, Station& by, const Life& life);
  void come_up(HostIndex observer, HostIndex subject, const Life& life);
  void go_down(HostIndex observer, HostIndex subject, Station& by);

  const Plan& plan_;
  sim::Timeline& timeline_;
  sim::Dice& dice_;
  Totals& totals_;
  Network& network_;
  std::function<Station*(HostIndex)> station_;
  std::vector<View> views_;
  struct Gone {
    NodeId node;
    MonoTime since{};
  };
  std::vector<Gone> gone_;
  std::vector<std::size_t> told_;  // each of these
  std::uint64_t false_deaths_ = 0;
};

}  // namespace evmesh::sim_group
