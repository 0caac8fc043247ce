#include "evmeshd/listeners/listener_keys.hpp"

#include <algorithm>

namespace evmesh::daemon {
namespace {

constexpr ListenerKey table[] = {
    {{"type", "TYPE", "", "exec (runs a program), log, count or file (appends JSON lines)"}},
    {{"group", "GROUP", "",
      "run once for every event, with retries and dead letters; or use key, or each-node"}},
    {{"key", "KEY", "", "hear the events of this Type:value; may be repeated", true}},
    {{"each-node", "", "", "hear every event of the bus (modes mono and broadcast)"}},
    {{"bus", "NAME", "", "the bus (default: the first)"}},
    {{"events", "GLOB", "", "only events whose type fits, * and ? as in a shell; may be repeated", true}},
    {{"command", "WORDS", "",
      "exec: program and arguments, quoted as in a shell; no shell runs. The event is on its input"},
     KeyScope::exec,
     true},
    {{"shell", "TEXT", "", "exec: instead of command, for sh -c"}, KeyScope::exec, true},
    {{"directory", "DIR", "", "exec: where the program runs (default: where the daemon runs)"},
     KeyScope::exec},
    {{"path", "FILE", "", "file: made when it is missing"}, KeyScope::file},
    {{"level", "LEVEL", "info", "log: debug, info, warning or error"}, KeyScope::log},
    {{"concurrency", "COUNT", "10", "group: runs at the same time on this node, 1 to 64"}, KeyScope::groups},
    {{"timeout", "TIME", "10m", "group and exec: one run; then a program gets TERM, and 5s later KILL"},
     KeyScope::groups_and_exec},
    {{"retry.retries", "COUNT", "8", "group: after a failed run, before the dead letters; 0 to 1000"},
     KeyScope::groups},
    {{"retry.first", "TIME", "100ms", "group: wait before the first retry; doubles with each"},
     KeyScope::groups},
    {{"retry.cap", "TIME", "30s", "group: the longest of these waits"}, KeyScope::groups},
    {{"retry.jitter", "NUMBER", "0.5", "group: waits are stretched by up to this part, 0 to 1"},
     KeyScope::groups},
};

}  // namespace

std::span<const ListenerKey> listener_keys() { return table; }

const ListenerKey* find_listener_key(std::string_view name) {
  const auto found =
      std::ranges::find_if(table, [name](const ListenerKey& key) { return key.option.name == name; });
  return found == std::end(table) ? nullptr : &*found;
}

std::string full_name(std::string_view listener, std::string_view key) {
  return "listener." + std::string(listener) + '.' + std::string(key);
}

}  // namespace evmesh::daemon
