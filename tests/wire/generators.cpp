#include "generators.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "chance.hpp"

namespace evmesh::wire::test {
namespace {

namespace gen = rc::gen;

std::string name(std::size_t min = 1) { return word("abcXYZ019._-", min, 64); }
std::string endpoint(std::size_t min = 1) { return word("tcp:/.17[]", min, 255); }

std::vector<StreamPosition> positions() {
  std::vector<StreamPosition> list;
  for (const auto bus : ascending<std::uint16_t>(16, 0, 15)) list.push_back({bus, number()});
  return list;
}

Hello hello() {
  Hello hello;
  hello.version_highest = between<std::uint8_t>(1, 255);
  hello.cluster = *any_text(255);
  hello.name = name();
  hello.mode = any<bool>() ? Mode::broadcast : Mode::scale_efficient;
  hello.transient = any<bool>();
  hello.work_endpoint = endpoint();
  hello.publish_endpoint = endpoint();
  const auto buses = between<std::size_t>(1, 16);
  for (std::size_t i = 0; i < buses; ++i)
    hello.buses.push_back(word("ab._$-9", 0, 200) + std::to_string(i + 100));
  hello.announcement_version = number();
  hello.announcement_digest = number();
  return hello;
}

Reject reject() {
  Reject reject;
  reject.reason = between(RejectReason::cluster, RejectReason::malformed);
  reject.text = any<bool>() ? *any_text(1024) : "";
  reject.epoch = number();
  reject.version_lowest = between<std::uint8_t>(1, 255);
  reject.version_highest = between<std::uint8_t>(reject.version_lowest, 255);
  return reject;
}

Heartbeat heartbeat() {
  return {
      std::max<std::uint64_t>(number(), 1), number(), number(), number(), number(), positions(), positions()};
}

ProbeAnswer probe_answer() {
  ProbeAnswer answer{id(), number(), number(), std::nullopt};
  if (any<bool>()) answer.heard_ago_ms = any<std::uint32_t>();
  return answer;
}

Members members() {
  std::set<NodeId> ids;
  const auto count = between<std::size_t>(0, 20);
  for (std::size_t i = 0; i < count; ++i) ids.insert(id());
  Members members;
  for (const NodeId& id : ids) {
    members.entries.push_back({id, number(), between(MemberState::alive, MemberState::left), any<bool>(),
                               any<bool>(), name(0), endpoint(0)});
  }
  return members;
}

Announce announce() {
  Announce announce;
  announce.base = any<bool>() ? between<std::uint64_t>(1, 1'000'000) : 0;
  announce.version = announce.base + between<std::uint64_t>(1, 1'000'000);
  if (announce.base == 0) {
    announce.parts = between<std::uint32_t>(1, 256);
    announce.part = between<std::uint32_t>(0, announce.parts - 1);
  }
  announce.each_node = ascending<std::uint16_t>(16, 0, 15);
  const auto keys = ascending<std::uint64_t>(60, 0, ~0ULL);
  for (const auto key : keys) {
    (announce.base > 0 && any<bool>() ? announce.removed : announce.added).push_back(key);
  }
  return announce;
}

Subscribe subscribe() {
  Subscribe subscribe{between<std::uint16_t>(0, 15), std::nullopt, number()};
  if (any<bool>()) subscribe.through = number();
  return subscribe;
}

Notify notify() {
  static const std::string pool(300, 'e');
  Notify notify;
  notify.bus = between<std::uint16_t>(0, 15);
  notify.start = any<bool>();
  notify.report = any<bool>();
  notify.after = between<std::uint64_t>(0, 1ULL << 62U);
  const auto deltas = ascending<std::uint32_t>(20, 0, ~0U);
  for (const auto delta : deltas) {
    if (delta == 0) continue;
    notify.events.push_back(
        {notify.after + delta, std::string_view(pool).substr(0, between<std::size_t>(1, 300))});
  }
  notify.to = (notify.events.empty() ? notify.after : notify.events.back().seq) + any<std::uint16_t>();
  return notify;
}

GapNotice gap() {
  const auto from = between<std::uint64_t>(1, 1ULL << 62U);
  return {between<std::uint16_t>(0, 15), between(GapReason::ring_overrun, GapReason::joined_late), from,
          from + any<std::uint32_t>()};
}

Repair repair() {
  const auto after = between<std::uint64_t>(0, 1ULL << 62U);
  return {between<std::uint16_t>(0, 15), after, after + 1 + any<std::uint32_t>()};
}

Body body(std::size_t index) {
  switch (index) {
    case 0: return hello();
    case 1: return Welcome{name(), endpoint()};
    case 2: return reject();
    case 3: return heartbeat();
    case 4: return Ping{number()};
    case 5: return Pong{number()};
    case 6: return Probe{id(), number(), number()};
    case 7: return probe_answer();
    case 8: return members();
    case 9: return Goodbye{any<bool>(), any<std::uint32_t>(), positions()};
    case 10: return Fenced{number()};
    case 11: return OneWay{endpoint()};
    case 12: return Forget{id()};
    case 13: return announce();
    case 14: return AnnounceAck{number(), positions()};
    case 15: return AnnounceRequest{number()};
    case 16: return subscribe();
    case 17: return notify();
    case 18: return gap();
    case 19: return repair();
    case 20: return Report{positions()};
    default: return work_body(index - 21);
  }
}

}  // namespace

rc::Gen<Header> any_header() {
  return gen::exec([] {
    Header header;
    header.from = id();
    header.from_epoch = std::max<std::uint64_t>(number(), 1);
    if (any<bool>()) header.to = id();
    header.to_epoch = number();
    return header;
  });
}

rc::Gen<Body> any_body(std::size_t index) {
  return gen::exec([index] { return body(index); });
}

rc::Gen<std::string> any_text(std::size_t max) {
  return gen::exec([max] {
    static const std::vector<std::string> letters{
        "a", "Z", "0", " ", "~", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\x9d"};
    std::string text = "t";
    const auto size = between<std::size_t>(1, max);
    while (text.size() + 4 <= size) text += letters[between<std::size_t>(0, letters.size() - 1)];
    return text;
  });
}

}  // namespace evmesh::wire::test
