// The listener on simulated nodes: no socket, no thread, no sleep, and time passes when the test says so.
#include <cstdlib>
#include <iostream>
#include <memory>

#include <evmesh/testing.hpp>

#include "counting_listener.hpp"

namespace {

using namespace std::chrono_literals;

void check(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "not so: " << what << '\n';
  std::exit(1);
}

void test_counts_by_user() {
  evmesh::testing::LocalBus local;
  const auto listener = std::make_shared<CountingListener>();
  const auto counting = local.bus().register_listener(listener, evmesh::Group::parse("counting").value());

  for (const char* user : {"bob", "alice", "bob", ""})
    check(local.bus().dispatch({.type = "letter.written", .user = user}).has_value(), "the event is accepted");

  check(listener->count("bob") == 2, "bob wrote two");
  check(listener->count("alice") == 1, "alice wrote one");
  check(listener->count("carol") == 0, "carol wrote none");
  check(local.count(evmesh::testing::What::dead, "counting") == 1, "what has no user is a dead letter");
}

void test_counts_once_when_a_node_is_killed() {
  evmesh::testing::Cluster cluster({.nodes = 3, .seed = 7});
  const auto listener = std::make_shared<CountingListener>();
  cluster.at_start([&](evmesh::testing::ClusterNode& node) {
    node.keep(node.bus().register_listener(listener, evmesh::Group::parse("counting").value()));
  });

  cluster.cut(0, 1);
  check(cluster[0].bus().dispatch({.type = "letter.written", .user = "bob"}).has_value(), "the event is accepted");
  cluster.kill(0);
  cluster.run_for(10s);
  cluster.restart(0);
  cluster.heal();

  check(cluster.run_until_quiet(), "all is done");
  check(listener->count("bob") == 1, "bob wrote one, whoever counted it");
}

}  // namespace

int main() {
  test_counts_by_user();
  test_counts_once_when_a_node_is_killed();
}
