#include "trace.hpp"

#include <span>
#include <sstream>
#include <variant>

namespace evmesh::sim_group {

namespace {

std::string text_of(const wire::WorkName& name) {
  return name_of(name.id.owner) + '/' + std::to_string(name.id.epoch) + '/' + std::to_string(name.id.seq) +
         "#" + std::to_string(name.group % 1000) + "g" + std::to_string(name.generation);
}

std::string text_of(const wire::Custody& custody) {
  return std::to_string(custody.counter) + ':' + name_of(custody.node) + '/' + std::to_string(custody.epoch);
}

std::string text_of(std::span<const wire::NumberRange> ranges) {
  std::string text = "{";
  for (const wire::NumberRange& range : ranges) {
    text += (text.size() > 1 ? " " : "") + std::to_string(range.first);
    if (range.last != range.first) text += '-' + std::to_string(range.last);
  }
  return text + '}';
}

std::string_view text_of(wire::WorkState state) {
  switch (state) {
    case wire::WorkState::queued: return "queued";
    case wire::WorkState::running: return "running";
    case wire::WorkState::done: return "done";
    case wire::WorkState::failed: return "failed";
    case wire::WorkState::refused: return "refused";
    case wire::WorkState::dead: return "dead";
    case wire::WorkState::removed: return "removed";
    case wire::WorkState::newer: return "newer";
    case wire::WorkState::let_go: return "let_go";
  }
  return "?";
}

std::string text_of(std::span<const wire::StateEntry> states) {
  std::string text;
  for (const wire::StateEntry& state : states)
    text += ' ' + text_of(state.name) + '=' + std::string(text_of(state.state)) + '@' +
            std::to_string(state.attempt);
  return text;
}

struct Say {
  std::ostringstream& out;

  template <class Other>
  void operator()(const Other&) const {}
  void operator()(const wire::Runs& it) const {
    out << "RUNS v" << it.version;
    for (const auto& entry : it.entries) out << ' ' << entry.group % 1000 << ':' << entry.slots;
  }
  void operator()(const wire::Credit& it) const {
    out << "CREDIT";
    for (const auto& entry : it.entries) out << ' ' << entry.group % 1000 << "<=" << entry.limit;
  }
  void operator()(const wire::Deliver& it) const {
    out << "DELIVER from " << it.first;
    for (const auto& each : it.deliveries) {
      out << ' ' << text_of(each.name) << '@' << each.attempt << " (" << text_of(each.custody)
          << (each.possibly_duplicate ? ", maybe" : "") << (each.suspect ? ", suspect" : "") << ')';
    }
  }
  void operator()(const wire::Verdicts& it) const {
    constexpr std::string_view endings[] = {"", "done", "failed", "refused", "unknown_type", "given_back"};
    out << "VERDICTS";
    for (const auto& each : it.verdicts)
      out << ' ' << each.number << '=' << endings[static_cast<unsigned>(each.ending)];
  }
  void operator()(const wire::Retired& it) const {
    out << "RETIRED through " << it.through << ' ' << text_of(it.also);
  }
  void operator()(const wire::WorkBeat& it) const {
    out << "BEAT received " << it.received << " open " << text_of(it.open) << " runs v" << it.runs_version
        << " sent " << it.sent << " heard " << it.heard;
  }
  void operator()(const wire::Query& it) const { out << "QUERY " << text_of(it.numbers); }
  void operator()(const wire::Unknown& it) const { out << "UNKNOWN " << text_of(it.numbers); }
  void operator()(const wire::Copy& it) const {
    out << "COPY set " << it.set_version << (it.begin ? " begin" : "") << (it.end ? " end" : "") << " ("
        << it.from << ", " << it.to << "] " << it.records.size() << " records";
  }
  void operator()(const wire::Copied& it) const { out << "COPIED set " << it.set_version << " to " << it.to; }
  void operator()(const wire::Guard& it) const {
    out << "GUARD set " << it.set_version;
    for (const NodeId& guardian : it.guardians) out << ' ' << name_of(guardian);
  }
  void operator()(const wire::Adopted& it) const {
    out << "ADOPTED " << name_of(wire::Life{it.owner, it.epoch}) << " set " << it.set_version << " counter "
        << it.counter << (it.last ? " last" : "");
    for (const auto& work : it.groups) out << ' ' << work.group % 1000 << text_of(work.seqs);
  }
  void operator()(const wire::AdoptedAnswer& it) const {
    out << "ADOPTED_ANSWER " << name_of(wire::Life{it.owner, it.epoch}) << (it.last ? " last" : "")
        << text_of(it.states);
  }
  void operator()(const wire::Claim& it) const { out << "CLAIM " << it.request; }
  void operator()(const wire::ClaimAnswer& it) const {
    out << "CLAIM_ANSWER " << it.request << " highest epoch " << it.highest_epoch << " witness " << it.witness
        << (it.last ? " last" : "") << text_of(it.states);
  }
  void operator()(const wire::Stale& it) const {
    out << "STALE " << text_of(it.name) << ' ' << text_of(it.custody);
  }
};

}  // namespace

std::string name_of(const NodeId& id) {
  std::string name = "n" + std::to_string(id.bytes[1]);
  if (id.bytes[2] > 0) name += std::string(id.bytes[2], '\'');
  return name;
}

std::string name_of(const wire::Life& life) { return name_of(life.id) + '/' + std::to_string(life.epoch); }

std::string describe(const wire::Frame& frame) {
  std::ostringstream out;
  std::visit(Say{out}, frame.body);
  if (out.str().empty()) out << "kind " << static_cast<unsigned>(frame.header.kind);
  return out.str();
}

}  // namespace evmesh::sim_group
