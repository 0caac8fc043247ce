// Strangers at the door: frames, each behind its length in one byte, come in on three connections and on the first link
// of a node that is alone. Whatever they say, every answer can be sent, and the machine goes on.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "membership/membership.hpp"
#include "require.hpp"

namespace {

using namespace evmesh;
using namespace evmesh::membership;
using namespace std::chrono_literals;

struct Nothing final : HeartbeatSource {
  [[nodiscard]] HeartbeatContent content() const override { return {}; }
  [[nodiscard]] std::vector<wire::StreamPosition> through(const Life&) const override { return {}; }
};

Options options() {
  Options options;
  options.self.id.bytes.fill(0x11);
  options.self.epoch = 1'000;
  options.name = "door";
  options.cluster = "evmesh";
  options.work_endpoint = "tcp://127.0.0.1:7000";
  options.publish_endpoint = "tcp://127.0.0.1:7001";
  options.buses = {"default"};
  options.seeds = {"tcp://127.0.0.1:7100"};
  options.members_max = 4;
  return options;
}

/// What goes out can be read by whoever gets it.
void check(Actions& actions) {
  for (const Action& action : actions) {
    const auto readable = [](const wire::Header& header, const wire::Body& body) {
      fuzz::require(wire::decode(wire::encode(header, body)).has_value(), "a frame that nobody can read");
    };
    if (const auto* send = std::get_if<Send>(&action)) readable(send->header, send->body);
    if (const auto* answer = std::get_if<Answer>(&action)) readable(answer->header, answer->body);
  }
  actions.clear();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Nothing source;
  Membership machine(options(), source, 1);
  Actions actions;
  MonoTime now{1h};
  machine.start(now, actions);
  check(actions);
  std::string_view left = fuzz::text_of(data, size);
  while (left.size() >= 2) {
    const auto how = static_cast<std::uint8_t>(left[0]);
    const std::size_t length = std::min<std::size_t>(static_cast<std::uint8_t>(left[1]), left.size() - 2);
    const auto frame = wire::decode(left.substr(2, length));
    left.remove_prefix(2 + length);
    now += std::chrono::milliseconds{how & 0xf0U} * 4;
    if (frame && (how & 3U) == 3U) machine.on_answer(now, 1, *frame, actions);
    if (frame && (how & 3U) != 3U) machine.on_frame(now, std::string(1, static_cast<char>('a' + (how & 3U))), *frame, actions);
    if (!frame) machine.tick(now, actions);
    check(actions);
    fuzz::require(machine.members(now).size() <= 4 + 1, "more members than there may be");
  }
  return 0;
}
