#include "samples.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <numeric>

namespace evmesh::wire::test {
namespace {

constexpr std::uint64_t number = 0x2122232425262728;

NodeId subject() { return node(0xe0); }

Header addressed() {
  return {.version = 1,
          .kind = Kind::hello,
          .from = node(0xa0),
          .from_epoch = 0x0102030405060708,
          .to = node(0xc0),
          .to_epoch = 0x1112131415161718};
}

Header to_anybody() {
  Header header = addressed();
  header.to = {};
  header.to_epoch = 0;
  return header;
}

Hello hello() {
  return {.version_lowest = 1,
          .version_highest = 1,
          .cluster = "evmesh",
          .name = "node-1",
          .mode = Mode::broadcast,
          .transient = true,
          .work_endpoint = "tcp://10.0.0.1:7520",
          .publish_endpoint = "tcp://10.0.0.1:7521",
          .buses = {"events", "jmap"},
          .announcement_version = 3,
          .announcement_digest = number};
}

Members members() {
  return {.entries = {{.id = node(0xc0),
                       .epoch = 6,
                       .state = MemberState::alive,
                       .forgotten = false,
                       .transient = true,
                       .name = "node-2",
                       .work_endpoint = "tcp://10.0.0.2:7520"},
                      {.id = subject(),
                       .epoch = 4,
                       .state = MemberState::left,
                       .forgotten = true,
                       .transient = false,
                       .name = "",
                       .work_endpoint = ""}}};
}

Announce announce() {
  return {.base = 2,
          .version = 3,
          .part = 0,
          .parts = 1,
          .each_node = {1},
          .added = {0x4142434445464748, 0x5152535455565758},
          .removed = {0x6162636465666768}};
}

Heartbeat heartbeat() {
  return {.seq = 9,
          .echo = 8,
          .announcement_version = 3,
          .announcement_digest = number,
          .members_digest = 0x3132333435363738,
          .heads = {{0, 5}, {1, 0}},
          .through = {{0, 7}}};
}

Notify notify() {
  static const std::string event = from_hex(hex_of("event"));
  return {.bus = 1, .start = false, .report = true, .after = 41, .to = 44, .events = {{43, event}}};
}

std::vector<Sample> make_samples() {
  std::vector<Sample> all;
  const auto add = [&](std::string_view name, Kind kind, Header header, Body body) {
    header.kind = kind;
    all.push_back({std::string(name), from_hex(hex_of(name)), {header, std::move(body)}});
  };
  add("hello", Kind::hello, to_anybody(), hello());
  add("welcome", Kind::welcome, addressed(), Welcome{"node-2", "tcp://10.0.0.2:7520"});
  add("reject", Kind::reject, addressed(),
      Reject{RejectReason::stale_epoch, "a later life runs", number, 1, 1});
  add("heartbeat", Kind::heartbeat, addressed(), heartbeat());
  add("ping", Kind::ping, addressed(), Ping{number});
  add("pong", Kind::pong, addressed(), Pong{number});
  add("probe", Kind::probe, addressed(), Probe{subject(), 4, number});
  add("probe_answer", Kind::probe_answer, addressed(), ProbeAnswer{subject(), 4, number, 120});
  add("members", Kind::members, addressed(), members());
  add("goodbye", Kind::goodbye, addressed(), Goodbye{false, 60'000, {{0, 5}}});
  add("fenced", Kind::fenced, addressed(), Fenced{number});
  add("one_way", Kind::one_way, addressed(), OneWay{"tcp://10.0.0.1:7520"});
  add("forget", Kind::forget, addressed(), Forget{subject()});
  add("announce", Kind::announce, addressed(), announce());
  add("announce_ack", Kind::announce_ack, addressed(), AnnounceAck{3, {{0, 5}, {1, 6}}});
  add("announce_request", Kind::announce_request, addressed(), AnnounceRequest{2});
  add("subscribe", Kind::subscribe, addressed(), Subscribe{1, 41, 3});
  add("notify", Kind::notify, to_anybody(), notify());
  add("gap", Kind::gap, addressed(), GapNotice{1, GapReason::ring_overrun, 42, 44});
  add("repair", Kind::repair, addressed(), Repair{1, 41, 44});
  add("report", Kind::report, addressed(), Report{{{0, 41}, {1, 44}}});
  for (NamedBody& work : work_bodies()) add(work.name, work.kind, addressed(), std::move(work.body));
  return all;
}

}  // namespace

NodeId node(std::uint8_t first) {
  NodeId id;
  std::iota(id.bytes.begin(), id.bytes.end(), first);
  return id;
}

std::string_view hex_of(std::string_view name) {
  const auto found = std::ranges::find(vectors(), name, &Vector::name);
  assert(found != vectors().end());
  return found->hex;
}

std::string from_hex(std::string_view hex) {
  std::string digits(hex);
  std::erase(digits, ' ');
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::strtoul(digits.substr(i, 2).c_str(), nullptr, 16)));
  }
  return bytes;
}

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all = make_samples();
  return all;
}

const Sample& sample(std::string_view name) {
  const auto found = std::ranges::find(samples(), name, &Sample::name);
  assert(found != samples().end());
  return *found;
}

std::string frame_of(Kind kind, std::string_view body_hex) {
  std::string bytes = sample("ping").bytes.substr(0, 56) + from_hex(body_hex);
  bytes[3] = static_cast<char>(kind);
  return with_length(std::move(bytes));
}

std::string patched(std::string bytes, std::size_t offset, std::string_view hex) {
  const std::string replacement = from_hex(hex);
  return bytes.replace(offset, replacement.size(), replacement);
}

std::string with_length(std::string bytes) {
  const std::size_t length = bytes.size() - 56;
  for (std::size_t i = 0; i < 4; ++i) bytes[4 + i] = static_cast<char>(length >> (8 * i));
  return bytes;
}

}  // namespace evmesh::wire::test
