#pragma once

#include <string>
#include <vector>

#include "routing/routing.hpp"
#include "support.hpp"

namespace evmesh::routing::test {

/// Node 9 with buses "bus" and "other", and what its machine asked for.
struct Node {
  Listeners listeners;
  Routing routing;
  Actions out;
  MonoTime now = start_time;

  explicit Node(Mode mode = Mode::scale_efficient) : routing(options(mode), listeners) {}

  static Options options(Mode mode) {
    Options options;
    options.self = life(9);
    options.mode = mode;
    options.buses = {"bus", "other"};
    return options;
  }

  void up(unsigned number, std::vector<std::string> buses = {"bus", "other"}) {
    wire::Hello hello;
    hello.buses = std::move(buses);
    routing.member_up(now, life(number), hello, out);
  }

  /// Registers a key on "bus".
  std::uint64_t want(const std::string& value) {
    const std::vector added{key(value)};
    return routing.change_interest(0, added, {}, std::nullopt);
  }

  /// A frame of peer `number`.
  void say(unsigned number, wire::Body body) {
    wire::Header header;
    header.from = life(number).id;
    header.from_epoch = 1;
    header.to = life(9).id;
    header.to_epoch = 1;
    const wire::Buffer bytes = buffer(wire::encode(header, body));
    const auto frame = *wire::decode(bytes.bytes);
    if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&frame.body)) {
      routing.on_heartbeat(now, life(number), *heartbeat, out);
    } else {
      routing.on_frame(now, frame, bytes, out);
    }
  }

  [[nodiscard]] bool needed(const std::string& value) const { return routing.needed(0, std::vector{hash(value)}); }
  struct Accepted {
    std::uint64_t seq = 0;
    PeerMask interested = 0;
  };
  Accepted accept(const std::string& value) {
    const std::vector hashes{hash(value)};
    const PeerMask interested = routing.match(0, hashes);
    return {routing.accept(now, 0, {encoded({value}), hashes, interested}), interested};
  }
  void pump() { routing.pump(now, Plenty{}, out); }
  void tick(std::chrono::milliseconds wait) {
    now += wait;
    routing.tick(now, out);
  }
};

}  // namespace evmesh::routing::test
