// Notifications through the public API.
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <evmesh/evmesh.hpp>

#include "notify_board.hpp"
#include "shared_flow.hpp"

namespace bench {
namespace {

using namespace evmesh;

template <class T>
T must(Result<T> result, const char* what) {
  if (!result) bench::fail(std::string(what) + ": " + result.error().message);
  return std::move(*result);
}

std::unique_ptr<Node> open_node(const std::string& name, const std::vector<std::string>& seeds) {
  NodeOptions options;
  options.name = name;
  options.mode = Mode::scale_efficient;
  options.listen = "tcp://127.0.0.1:0";
  options.seeds = seeds;
  options.level = Level::memory;
  return must(Node::open(std::move(options)), "a node");
}

RegistrationKey registration_key(std::uint64_t number) { return must(RegistrationKey::parse(key_of(number)), "a key"); }

void receive(Board& board, const Course& course, std::size_t number) {
  while (!board.has_endpoint) Shared::nap();
  const auto node = open_node("receiver-" + std::to_string(number), {board.endpoint.data()});
  const auto listener =
      make_listener([&](const Event& event) { board.note(number, event.payload(), course); });
  std::vector<Registration> registrations;
  const auto add = [&](std::uint64_t key) {
    registrations.push_back(must(node->bus().register_listener(listener, registration_key(key)), "a listener"));
  };
  const std::uint64_t first = course.all() ? 0 : number;
  for (std::uint64_t key = first + course.receivers; key < course.keys; key += course.receivers) add(key);
  add(first);  // the one that is asked for before the run
  while (!board.ending) Shared::rest();
  node->stop();
}

}  // namespace

NotifyFigures node_notify(const Course& course) {
  Board& board = shared_board();
  Workers receivers(static_cast<unsigned>(course.receivers), [&](unsigned number) { receive(board, course, number); });
  std::vector<RegistrationKey> keys;
  for (std::uint64_t key = 0; key < course.keys; ++key) keys.push_back(registration_key(key));
  const auto node = open_node("publisher", {});
  const std::string endpoint = node->status().listen;
  std::strncpy(board.endpoint.data(), endpoint.c_str(), board.endpoint.size() - 1);
  board.has_endpoint = true;
  EventBus& bus = node->bus();
  std::vector<RegistrationKey> key(1, keys[0]);
  const auto figures = run_course(board, course, [&](std::uint64_t number, std::string payload) {
    if (course.keys > 1) key[0] = keys[number];
    const auto receipt = bus.dispatch(Event({.type = "n", .payload = std::move(payload)}), key);
    if (!receipt) bench::fail("a dispatch failed: " + receipt.error().message);
  });
  board.ending = true;
  receivers.join();
  node->stop();
  return figures;
}

double mono_rate(double seconds) {
  const auto node = must(Node::open({.name = "mono"}), "a node");
  EventBus& bus = node->bus();
  std::uint64_t heard = 0;
  const auto registration =
      must(bus.register_listener(make_listener([&](const Event&) { ++heard; }), registration_key(0)), "a listener");
  const std::vector<RegistrationKey> keys(1, registration_key(0));
  const Event event({.type = "n", .payload = std::string(payload_bytes, 'x')});
  std::uint64_t sent = 0;
  const auto start = nanoseconds();
  const auto end = start + static_cast<std::uint64_t>(seconds * 1e9);
  for (; sent % 64 != 0 || nanoseconds() < end; ++sent) {
    if (const auto receipt = bus.dispatch(event, keys); !receipt) bench::fail(receipt.error().message);
  }
  const auto took = nanoseconds() - start;
  require(heard == sent, "events were lost");
  node->stop();
  return static_cast<double>(sent) * 1e9 / static_cast<double>(took);
}

}  // namespace bench
