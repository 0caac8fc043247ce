#include "trace.hpp"

#include <cstdio>
#include <sstream>

#include "wire/frames.hpp"

namespace evmesh::sim {

namespace {

std::string positions(const std::vector<wire::StreamPosition>& list) {
  std::ostringstream text;
  for (const auto& position : list) text << ' ' << position.bus << ':' << position.seq;
  return text.str();
}

struct Words {
  std::ostringstream& out;

  void operator()(const wire::Hello& it) const { out << "HELLO " << it.name << " announcement " << it.announcement_version; }
  void operator()(const wire::Welcome& it) const { out << "WELCOME " << it.name; }
  void operator()(const wire::Reject& it) const { out << "REJECT " << wire::to_string(it.reason) << ' ' << it.text; }
  void operator()(const wire::Heartbeat& it) const {
    out << "HEARTBEAT " << it.seq << " echo " << it.echo << " announcement " << it.announcement_version << " heads"
        << positions(it.heads) << " through" << positions(it.through);
  }
  void operator()(const wire::Ping&) const { out << "PING"; }
  void operator()(const wire::Pong&) const { out << "PONG"; }
  void operator()(const wire::Probe& it) const { out << "PROBE of " << int{it.subject.bytes[15]}; }
  void operator()(const wire::ProbeAnswer& it) const {
    out << "PROBE_ANSWER of " << int{it.subject.bytes[15]};
    if (it.heard_ago_ms) out << " heard " << *it.heard_ago_ms << " ms ago";
  }
  void operator()(const wire::Members& it) const {
    out << "MEMBERS";
    for (const auto& entry : it.entries) out << ' ' << entry.name << ' ' << entry.epoch << ' ' << static_cast<int>(entry.state);
  }
  void operator()(const wire::Goodbye& it) const { out << "GOODBYE heads" << positions(it.heads); }
  void operator()(const wire::Fenced& it) const { out << "FENCED " << it.epoch; }
  void operator()(const wire::OneWay&) const { out << "ONE_WAY"; }
  void operator()(const wire::Forget&) const { out << "FORGET"; }
  void operator()(const wire::Announce& it) const {
    out << "ANNOUNCE " << it.base << " to " << it.version << " part " << it.part << " of " << it.parts << ", "
        << it.added.size() << " added, " << it.removed.size() << " removed";
  }
  void operator()(const wire::AnnounceAck& it) const { out << "ANNOUNCE_ACK " << it.version << " at" << positions(it.positions); }
  void operator()(const wire::AnnounceRequest& it) const { out << "ANNOUNCE_REQUEST has " << it.have; }
  void operator()(const wire::Subscribe& it) const {
    out << "SUBSCRIBE " << it.bus << " announcement " << it.announcement_version;
    if (it.through) out << " after " << *it.through;
  }
  void operator()(const wire::Notify& it) const {
    out << "NOTIFY " << it.bus << " (" << it.after << ", " << it.to << "]" << (it.start ? " start" : "")
        << (it.report ? " report" : "") << " events";
    for (const auto& event : it.events) out << ' ' << event.seq;
  }
  void operator()(const wire::GapNotice& it) const {
    out << "GAP " << it.bus << " [" << it.from << ", " << it.to << "] " << to_string(it.reason);
  }
  void operator()(const wire::Repair& it) const { out << "REPAIR " << it.bus << " (" << it.after << ", " << it.to << "]"; }
  void operator()(const wire::Report& it) const { out << "REPORT" << positions(it.through); }
  template <class OfGroupWork>
  void operator()(const OfGroupWork&) const {
    out << "group work";
  }
};

}  // namespace

void Trace::line(unsigned host, std::string_view what) const {
  const auto ms = std::chrono::duration<double, std::milli>(timeline_.now().time_since_epoch() - std::chrono::hours{1});
  std::printf("%11.3f n%u %.*s\n", ms.count(), host, static_cast<int>(what.size()), what.data());
}

std::string describe(std::string_view bytes) {
  const auto frame = wire::decode(bytes);
  if (!frame) return "undecodable: " + std::string(wire::to_string(frame.error()));
  std::ostringstream out;
  out << "of n" << int{frame->header.from.bytes[15]} << '/' << frame->header.from_epoch << " to n"
      << int{frame->header.to.bytes[15]} << '/' << frame->header.to_epoch << ": ";
  std::visit(Words{out}, frame->body);
  return out.str();
}

}  // namespace evmesh::sim
