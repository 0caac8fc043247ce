#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "membership/membership.hpp"
#include "sim/dice.hpp"
#include "sim/timeline.hpp"
#include "sim/totals.hpp"
#include "wire/life.hpp"

namespace evmesh::sim {

using membership::ConnectionId;
using membership::LinkEvent;
using membership::LinkId;
using wire::Class;
using wire::Life;

using Host = unsigned;
using Bytes = std::shared_ptr<const std::string>;  // shared: one published frame is on its way to everybody

// What a process hears.

struct RouterFrame {
  ConnectionId from;
  Bytes bytes;
};
struct AnswerFrame {
  LinkId link = 0;
  Bytes bytes;
};
struct PublishedFrame {
  Bytes bytes;
  std::shared_ptr<unsigned> outstanding;  // of the pipe it came through; one less when it is taken
};
struct FollowerChange {
  Life follower;
  bool active = false;
};
struct LinkChange {
  LinkId link = 0;
  LinkEvent event = LinkEvent::connected;
};
struct Writable {};
using Input = std::variant<RouterFrame, AnswerFrame, PublishedFrame, FollowerChange, LinkChange, Writable>;

/// A process as the network sees it.
class Station {
 public:
  virtual ~Station() = default;
  virtual void arrive(Input input) = 0;
};

/// What a network is like before anything goes wrong. Value.
struct NetworkOptions {
  unsigned hosts = 0;
  std::uint64_t link_queue_bytes = 0;  ///< of a class; more is not asked for
  unsigned pipe_frames = 0;            ///< that a publisher keeps for a follower
  double hints = 1;                    ///< how many of the transport's link events are told
  bool keeps_old_frames = false;       ///< for `replay`
};

/// Connections as ZeroMQ makes them over TCP. A DEALER keeps what it could not send and connects again until it is closed;
/// a connection is FIFO; under a cut its frames stall, then it breaks and what was on the way is lost. A publisher drops for
/// followers whose pipe is full, and learns of them by their subscriptions.
class Network {
 public:
  Network(const NetworkOptions& options, Timeline& timeline, std::uint64_t seed, Totals& totals);

  // Processes.

  void attach(Host host, const Life& life, Station& station);
  /// The process goes on as a later life; what it connects from now on says so.
  void rename(Host host, const Life& life) { processes_[host].life = life; }
  /// The process is gone. `abruptly`: with all it had not sent; otherwise what stands first in its queues still leaves.
  void detach(Host host, bool abruptly);

  // What a process does.

  void dial(Host host, LinkId link, const std::string& endpoint);
  void hang_up(Host host, LinkId link);
  void send(Host host, LinkId link, Class frame_class, const Bytes& bytes);
  void answer(Host host, const ConnectionId& connection, const Bytes& bytes);
  void publish(Host host, const Bytes& bytes);
  void follow(Host host, const std::string& endpoint);
  void unfollow(Host host, const std::string& endpoint);
  [[nodiscard]] std::uint64_t room_bytes(Host host, LinkId link, Class frame_class) const;

  // What goes wrong (network_faults.cpp).

  void cut(Host from, Host to);
  void mend(Host from, Host to);
  void slow_down(Host from, Host to, nanoseconds latency_max) { latency_max_[{from, to}] = latency_max; }
  void narrow(Host from, Host to, std::uint64_t bytes_per_second) { bandwidth_[{from, to}] = bytes_per_second; }
  /// A connection that stands, chosen by chance, breaks; `of`: among those from or to this host.
  void break_one(std::optional<Host> of = {});
  /// An old frame comes again: one that was published, or one that is not of this life of sender and receiver.
  void replay();
  void set_duplication(bool on) { duplication_ = on; }
  /// Ends all of the above.
  void heal();

  [[nodiscard]] static std::string work_endpoint(Host host) { return "tcp://n" + std::to_string(host) + ":7000"; }
  [[nodiscard]] static std::string publish_endpoint(Host host) { return "tcp://n" + std::to_string(host) + ":7001"; }

 private:
  enum class Way : std::uint8_t { out, back };  // from the one that connected, and to it

  struct Stalled {
    unsigned run = 0;
    Input input;
  };

  /// A DEALER, or a SUB's connection to one publisher.
  struct Wire {
    Host dialer = 0;
    Host target = 0;
    unsigned dialer_run = 0;
    Life dialer_life;
    LinkId link = 0;
    bool publishing = false;
    ConnectionId name;
    bool closed = false;  // by the dialer; what is on the way still arrives
    bool up = false;
    bool told_refused = false;
    unsigned run = 0;              // of the target it is connected to
    std::uint64_t generation = 0;  // of the connection
    std::array<std::deque<Bytes>, 4> queues;
    std::array<std::uint64_t, 4> queued{};
    MonoTime free_at{};
    bool draining = false;
    std::array<MonoTime, 2> last{};
    std::array<std::deque<Stalled>, 2> stalled;
  };
  using WirePtr = std::shared_ptr<Wire>;  // shared: frames on the way hold theirs

  /// A publisher's end of a SUB's connection.
  struct Pipe {
    WirePtr wire;
    std::uint64_t generation = 0;
    std::shared_ptr<unsigned> outstanding;
    MonoTime free_at{};
  };

  struct Process {
    Station* station = nullptr;
    Life life;
    unsigned run = 0;
    std::map<LinkId, WirePtr> links;
    std::map<std::string, std::pair<unsigned, WirePtr>> followed;  // how often, over what
    std::map<ConnectionId, WirePtr> connections;
    std::vector<Pipe> pipes;
  };

  /// A frame that may come again.
  struct Record {
    Host from = 0;
    Host to = 0;
    Life from_life;
    Life to_life;
    ConnectionId connection;
    Bytes bytes;
  };

  [[nodiscard]] static Host host_of(const std::string& endpoint);
  [[nodiscard]] static std::pair<Host, Host> ends(const Wire& wire, Way way);
  [[nodiscard]] bool is_cut(Host from, Host to) const { return cuts_.contains({from, to}); }
  [[nodiscard]] nanoseconds latency(Host from, Host to, bool published);
  [[nodiscard]] nanoseconds transmission(Host from, Host to, std::size_t bytes) const;
  [[nodiscard]] WirePtr make_wire(Host host, const std::string& endpoint);

  // network_wires.cpp
  void connect_after(const WirePtr& wire, nanoseconds wait);
  void connect(const WirePtr& wire);
  void disconnect(const WirePtr& wire, bool told);
  void close(const WirePtr& wire);
  void add_pipe(Process& publisher, const Wire& wire, const WirePtr& shared);
  void drop_pipe(Host publisher, unsigned run, const WirePtr& wire, std::uint64_t generation);
  void hint(const Wire& wire, LinkEvent event);
  void drain(const WirePtr& wire);
  void put(const WirePtr& wire, Way way, Input input, nanoseconds transmission);
  void arrive(const WirePtr& wire, Way way, std::uint64_t generation, unsigned run, Input input);
  void hand_over(const WirePtr& wire, Way way, unsigned run, Input input);

  // network_faults.cpp
  void watch(const WirePtr& wire, Host from, Host to);
  void release(const WirePtr& wire, Way way);
  void record(Record record);

  const NetworkOptions options_;
  Timeline& timeline_;
  Dice dice_;
  Totals& totals_;
  std::vector<Process> processes_;
  std::vector<nanoseconds> base_latency_;
  std::vector<std::weak_ptr<Wire>> wires_;
  std::map<std::pair<Host, Host>, std::uint64_t> cuts_;  // and which cut it is
  std::uint64_t cut_count_ = 0;
  std::map<std::pair<Host, Host>, nanoseconds> latency_max_;
  std::map<std::pair<Host, Host>, std::uint64_t> bandwidth_;
  bool duplication_ = false;
  std::map<std::uint8_t, std::vector<Record>> records_;  // a few of each kind
};

}  // namespace evmesh::sim
