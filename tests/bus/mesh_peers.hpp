#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"
#include "support/eventually.hpp"
#include "support/temp_dir.hpp"

/// Two members of a mesh that share a group, for tests of what operators ask.
namespace evmesh::bus::test {

/// A member with a group whose listener fails as long as `broken`. A front-line node unless it `executes`.
struct Peer {
  support::TempDir dir;
  std::atomic<bool> broken{true};
  std::atomic<int> handled{0};
  std::unique_ptr<Node> node;
  std::optional<Registration> registration;

  Peer(const std::string& name, const Peer* seed, bool executes = true) {
    NodeOptions options;
    options.name = name;
    options.data_dir = dir.path();
    options.level = Level::disk;
    options.mode = Mode::broadcast;
    options.listen = "tcp://127.0.0.1:0";
    options.journal_reserve_bytes = 8 << 20;
    options.execute_group_listeners = executes;
    if (seed != nullptr) options.seeds = {seed->node->status().listen};
    node = must(Node::open(options));
    registration = must(node->bus().register_listener(make_listener([this](const Event&) {
                                                        if (broken) throw std::runtime_error("no index");
                                                        ++handled;
                                                      }),
                                                      group("index"), fragile()));
  }

  /// Dispatches so many events and waits until they are dead letters.
  std::vector<EventId> bury(int count) {
    std::vector<EventId> events;
    for (int at = 0; at < count; ++at) events.push_back(must(node->bus().dispatch(sample())).event_id);
    must(node->group_work().wait_over(events, patience));
    return events;
  }
  MeshWork& mesh() const { return node->mesh_work(); }
};

struct Two {
  Peer a{"a", nullptr};
  Peer b;

  explicit Two(bool b_executes = true) : b("b", &a, b_executes) {
    const auto in_touch = [](const Peer& peer) {
      for (const Member& member : peer.node->status().members) {
        if (!member.self && member.state == MemberState::alive && member.hears_us) return true;
      }
      return false;
    };
    REQUIRE(support::eventually(patience, [&] { return in_touch(a) && in_touch(b); }));
  }
};

}  // namespace evmesh::bus::test
