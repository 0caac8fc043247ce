#include "evmeshd/option_table.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"

namespace evmesh::daemon {
namespace {

constexpr OptionSpec table[] = {
    {"node.name", "NAME", "",
     "what people call this node: 1 to 64 of A-Z a-z 0-9 . _ - (default: node-XXXXXXXX)"},
    {"node.mode", "MODE", "mono",
     "mono (alone), scale-efficient (events go to interested nodes) or broadcast (to all nodes)"},
    {"node.delivery", "MODEL", "mixed",
     "what has run when a dispatch returns: synchronous, mixed or asynchronous"},
    {"node.data-dir", "DIR", "",
     "keeps the node's identity and its admin socket; needed unless --node.transient"},
    {"node.transient", "", "",
     "start without a data directory, as a new node each time; then admin.socket is needed"},
    {"node.threads", "COUNT", "64", "threads that run listeners, 1 to 1024"},
    {"node.execute-group-listeners", "BOOL", "true",
     "false: a front-line node; groups of its listeners are owed its events, and it runs none of them"},
    {"mesh.cluster", "NAME", "evmesh", "nodes of another cluster name are rejected"},
    {"mesh.listen", "ENDPOINT", "",
     "tcp://ADDRESS:PORT for the other nodes; PORT 0 takes a free one; notifications use PORT + 1 "
     "(default in mesh modes: tcp://127.0.0.1:7520)"},
    {"mesh.advertise", "ENDPOINT", "", "what other nodes dial, when it differs from mesh.listen"},
    {"mesh.seed", "ENDPOINT", "", "a node to dial first, for ever; may be repeated; one is enough", true},
    {"mesh.max-nodes", "COUNT", "64", "nodes in the cluster, 2 to 64; more are rejected"},
    {"mesh.join-timeout", "TIME", "3s", "how long the start waits for the members it learns of, at most 60s"},
    {"mesh.insecure", "", "", "allow a mesh.listen that other machines can reach; links are not encrypted"},
    {"bus.name", "NAME", "events", "a bus of this node; may be repeated, at most 16", true},
    {"bus.level", "LEVEL", "",
     "how safe group work is when a dispatch says ok: in memory, on this disk, or replicated to other nodes' "
     "(default: replicated, in mode mono disk, with node.transient memory)"},
    {"bus.copies", "COUNT", "auto",
     "nodes that keep group work at level replicated, this one included: 1 to 5, or auto: 1 alone, 2, or 3 "
     "of five nodes and more"},
    {"bus.degraded", "POLICY", "allow",
     "when too few nodes are there for that: allow (receipts say so, copies follow) or refuse"},
    {"bus.payload", "FORMAT", "binary", "how mailbox events travel to other nodes: json or binary"},
    {"bus.event-size-max", "SIZE", "1MiB", "payload and headers of one event, up to 16MiB"},
    {"bus.ring-size", "SIZE", "64MiB", "what a bus keeps for nodes that missed something"},
    {"bus.window", "SIZE", "8MiB", "how far a dispatcher runs ahead of the slowest node in step"},
    {"bus.notify-wait", "TIME", "100ms",
     "how long a dispatch waits for that window; 0 answers back_pressure at once"},
    {"journal.reserve", "SIZE", "64MiB",
     "space kept ready for group work in the data directory, 8MiB to 16GiB; below it new work is refused"},
    {"journal.dead-letters", "SIZE", "10GiB",
     "what dead letters may take there, 1MiB to 1024GiB; of more, the oldest of their group are moved to a file"},
    {"admin.socket", "PATH", "", "the admin socket, at most 107 bytes (default: DATA-DIR/admin.sock)"},
    {"log.level", "LEVEL", "info", "debug, info, warning or error"},
    {"log.format", "FORMAT", "logfmt", "logfmt: one line of name=value each, on standard error"},
    {"log.file", "PATH", "", "write the log there instead, appending"},
};

}  // namespace

std::span<const OptionSpec> option_table() { return table; }

const OptionSpec* find_option(std::string_view name) {
  const auto options = option_table();
  const auto found = std::ranges::find(options, name, &OptionSpec::name);
  return found == options.end() ? nullptr : &*found;
}

std::string variable_of(std::string_view name) {
  std::string variable = "EVMESH_";
  for (const char c : name) {
    variable += c == '-' || c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return variable;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::vector<std::string_view> views(candidates.begin(), candidates.end());
  const auto near = base::nearest(word, views);
  return near ? "; did you mean " + std::string(*near) + "?" : "";
}

}  // namespace evmesh::daemon
