#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <evmesh/testing.hpp>

#include "base/counters.hpp"
#include "bus/letter_box.hpp"
#include "sim/dice.hpp"
#include "sim/network.hpp"
#include "sim/timeline.hpp"
#include "storage/journal.hpp"
#include "testing/history.hpp"
#include "wire/work_frames.hpp"
#include "work/types.hpp"

namespace evmesh::testing {

using base::MonoTime;
using std::chrono::nanoseconds;

class Process;
class FrontBus;

/// What is on the disk of a node, and in the memory that the kernel keeps for it when its process is killed.
struct Disk {
  Disk();

  std::unique_ptr<storage::Journal> journal;
  std::unique_ptr<base::Counters> counters;
  std::unique_ptr<bus::LetterBox> letters;
  std::map<std::pair<std::string, std::string>, wire::GroupEntry> groups;  // that are required, by bus and name
  std::vector<work::Flight> old_flights;  // of the lives before, until this one stands in the journal
  std::map<work::Handle, work::Flight> flights;
};

/// A node through all its lives.
struct Host {
  unsigned index = 0;
  std::string name;
  NodeId id;
  unsigned disks_lost = 0;
  std::uint64_t epoch = 0;
  Disk disk;
  std::unique_ptr<ClusterNode> handle;
  std::vector<std::unique_ptr<FrontBus>> buses;
  std::function<void(ClusterNode&)> program;
  std::shared_ptr<Process> process;  // shared: registrations and planned steps look whether it is still there
};

/// What all nodes of a cluster share; outlives them. Thread-bound.
class World {
 public:
  World(ClusterOptions options, bool mono);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const ClusterOptions options;
  const bool mono;
  sim::Timeline timeline;
  sim::Dice dice;
  sim::Totals totals;
  sim::Network network;
  History history;
  std::vector<std::unique_ptr<Host>> hosts;
  MonoTime began{};  // when the test began

  [[nodiscard]] MonoTime now() const { return timeline.now(); }
  [[nodiscard]] Timestamp wall() const;

  /// Lets time pass until `done` or `end`; whether it is done. Inside a listener no time passes.
  bool advance(const std::function<bool()>& done, MonoTime end);

  /// A listener is called: it may say how long it takes.
  [[nodiscard]] nanoseconds call(const std::function<void()>& listener);
  [[nodiscard]] bool inside_call() const { return calls_ > 0; }
  void take(nanoseconds time) { taken_ += calls_ > 0 ? time : nanoseconds{0}; }

  /// Fills in time and node.
  void note(const Host& host, Happening happening);
  void log(const Host& host, const LogRecord& record) const;

  /// The name of a node that is or was one of these.
  [[nodiscard]] std::string name_of(const NodeId& id) const;
  [[nodiscard]] std::string name_of(const DispatchId& id) const;

  /// The id of a node after it has lost so many disks.
  [[nodiscard]] static NodeId id_of(unsigned host, unsigned disks_lost);

  /// The process is gone. It is freed when nothing of it runs any more.
  void bury(std::shared_ptr<Process> process) { buried_.push_back(std::move(process)); }

 private:
  std::vector<std::shared_ptr<Process>> buried_;
  unsigned calls_ = 0;
  nanoseconds taken_{0};
};

}  // namespace evmesh::testing
