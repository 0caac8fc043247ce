#include "membership/rules.hpp"

#include <algorithm>
#include <array>

#include <evmesh/key.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::membership {

namespace {

bool name_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

std::optional<std::string> version_fault(const wire::Hello& hello) {
  if (hello.version_lowest <= wire::version_max && hello.version_highest >= wire::version_min) return {};
  return "protocol versions " + std::to_string(hello.version_lowest) + " to " +
         std::to_string(hello.version_highest) + " do not meet " + std::to_string(wire::version_min) +
         " to " + std::to_string(wire::version_max) + ": update the older node";
}

std::optional<std::string> buses_fault(const wire::Hello& hello) {
  if (hello.buses.empty() || hello.buses.size() > limits::buses_max) {
    return "it names " + std::to_string(hello.buses.size()) + " buses, not 1 to " +
           std::to_string(limits::buses_max);
  }
  for (const std::string& bus : hello.buses) {
    if (auto name = Group::parse(bus); !name) return name.error().message;
    if (std::ranges::count(hello.buses, bus) > 1) return "bus " + base::quoted(bus) + " stands twice";
  }
  return {};
}

std::optional<std::string> text_fault(const wire::Hello& hello) {
  if (hello.version_lowest > hello.version_highest) return "its version range is empty";
  if (!valid_node_name(hello.name)) {
    return "node name " + base::quoted(hello.name) + " is not [A-Za-z0-9._-]{1,64}";
  }
  if (hello.mode == Mode::mono) return "a mono node takes no part in a mesh";
  for (const std::string* endpoint : {&hello.work_endpoint, &hello.publish_endpoint}) {
    if (auto fault = endpoint_fault(*endpoint)) return fault;
  }
  return buses_fault(hello);
}

}  // namespace

bool valid_node_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::node_name_bytes_max && std::ranges::all_of(name, name_char);
}

std::optional<std::string> endpoint_fault(std::string_view endpoint) {
  const std::size_t scheme = endpoint.find("://");
  if (scheme == std::string_view::npos || scheme == 0 || scheme + 3 == endpoint.size() ||
      endpoint.size() > limits::endpoint_bytes_max || !base::printable(endpoint)) {
    return "endpoint " + base::quoted(endpoint) + " is not tcp://ADDRESS:PORT";
  }
  const std::string_view address = endpoint.substr(scheme + 3);
  constexpr std::array<std::string_view, 3> wildcards{"0.0.0.0:", "*:", "[::]:"};
  if (std::ranges::any_of(wildcards, [&](std::string_view any) { return address.starts_with(any); })) {
    return "endpoint " + base::quoted(endpoint) +
           " cannot be dialled by others: set `advertise` on that node";
  }
  return {};
}

std::optional<Refusal> refusal_of(const wire::Hello& hello, std::string_view cluster) {
  if (auto fault = version_fault(hello)) return Refusal{wire::RejectReason::version, *fault};
  if (hello.cluster != cluster) {
    return Refusal{wire::RejectReason::cluster, "cluster " + base::quoted(hello.cluster) +
                                                    " meets a node of cluster " + base::quoted(cluster) +
                                                    ": give both the same name, or take it off the seeds"};
  }
  if (auto fault = text_fault(hello)) return Refusal{wire::RejectReason::malformed, *fault};
  return {};
}

}  // namespace evmesh::membership
