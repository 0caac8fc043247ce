#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plan.hpp"
#include "sim/dice.hpp"
#include "sim/timeline.hpp"
#include "totals.hpp"
#include "wire/life.hpp"

namespace evmesh::sim_group {

using sim::MonoTime;
using wire::Class;
using wire::Life;

/// A node by its number.
using HostIndex = unsigned;

/// A frame on its way, or a goodbye.
struct Message {
  Life from;
  Life to;
  std::shared_ptr<const std::string> bytes;  // shared: who reads it may keep it; null: a goodbye
};

/// One ordered link from each process to each other that it talks to. A link keeps what it could not send and
/// connects again until it is closed; what was on the way when it breaks is lost; under a cut, what is on the
/// way waits. A more urgent class overtakes what waits for bandwidth. Thread-bound.
class Network {
 public:
  using Arrive = std::function<void(HostIndex to, const Message&)>;

  Network(const Plan& plan, sim::Timeline& timeline, sim::Dice& dice, Totals& totals, Arrive arrive);

  /// The process of `from` opens its link to a life on `to`. What an earlier one held is gone.
  void open(HostIndex from, const Life& self, HostIndex to, const Life& peer);
  void close(HostIndex from, HostIndex to);
  /// The process is gone, with all it had not sent.
  void close_all(HostIndex from);

  /// Nothing when no link to that life is open: the frame is lost.
  void send(HostIndex from, const Life& to, Class frame_class, std::string bytes);
  void say_goodbye(HostIndex from);
  [[nodiscard]] std::uint64_t room_bytes(HostIndex from, const Life& to, Class frame_class) const;

  // What goes wrong.

  void cut(HostIndex from, HostIndex to) { cuts_.insert({from, to}); }
  void mend(HostIndex from, HostIndex to);
  [[nodiscard]] bool is_cut(HostIndex from, HostIndex to) const { return cuts_.contains({from, to}); }
  [[nodiscard]] bool whole() const { return cuts_.empty(); }
  void break_link(HostIndex from, HostIndex to);
  void narrow(HostIndex from, HostIndex to, std::uint64_t bytes_per_second) {
    rates_[{from, to}] = bytes_per_second;
  }
  /// Ends all of the above.
  void heal();

 private:
  struct Link {
    HostIndex from = 0;
    HostIndex to = 0;
    Life self;
    Life peer;
    bool connected = true;
    std::uint64_t generation = 0;  // of the connection
    std::array<std::deque<Message>, 4> queues;
    std::array<std::uint64_t, 4> queued{};
    MonoTime free_at{};  // when what was put last has left
    MonoTime last{};     // when what was put last arrives
    bool draining = false;
    std::deque<Message> stalled;  // they have left, and a cut holds them
  };
  using LinkPtr = std::shared_ptr<Link>;  // shared: frames on the way hold theirs

  [[nodiscard]] LinkPtr find(HostIndex from, const Life& to) const;
  void queue(const LinkPtr& link, Class frame_class, Message message);
  void drain(const LinkPtr& link);
  void put(const LinkPtr& link, Message message);
  void reconnect(const LinkPtr& link);
  [[nodiscard]] nanoseconds latency(HostIndex from, HostIndex to);

  const Plan& plan_;
  sim::Timeline& timeline_;
  sim::Dice& dice_;
  Totals& totals_;
  Arrive arrive_;
  std::map<std::pair<HostIndex, HostIndex>, LinkPtr> links_;
  std::set<std::pair<HostIndex, HostIndex>> cuts_;
  std::map<std::pair<HostIndex, HostIndex>, std::uint64_t> rates_;
  std::vector<nanoseconds> base_latency_;
};

}  // namespace evmesh::sim_group
