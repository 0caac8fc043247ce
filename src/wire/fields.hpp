#pragma once

#include <evmesh/key.hpp>

#include "base/limits.hpp"
#include "wire/cursor.hpp"

namespace evmesh::wire {

// Fields that several kinds of frames have, once for both directions: `Io` is Writer or Reader.

template <class Io>
void bus_number(Io& io, typename Io::template Ref<std::uint16_t> bus) {
  io.number(bus);
  io.check(bus < limits::buses_max);
}

template <class Io>
void positions(Io& io, typename Io::template Ref<std::vector<StreamPosition>> list) {
  io.template list<std::uint16_t>(list, limits::buses_max, 10, [&](auto& position) {
    bus_number(io, position.bus);
    io.number(position.seq);
  });
  io.check(ascending(list, [](const StreamPosition& position) { return position.bus; }));
}

/// The name of a node: `[A-Za-z0-9._-]`. A group name may also hold `$`.
template <class Io>
void node_name(Io& io, typename Io::template Ref<std::string> name, std::size_t min) {
  io.text8(name, min, limits::node_name_bytes_max);
  io.check(name.empty() || (Group::parse(name).has_value() && name.find('$') == std::string::npos));
}

template <class Io>
void endpoint(Io& io, typename Io::template Ref<std::string> endpoint, std::size_t min = 1) {
  io.text8(endpoint, min, limits::endpoint_bytes_max);
}

template <class Io>
void versions(Io& io, typename Io::template Ref<std::uint8_t> lowest,
              typename Io::template Ref<std::uint8_t> highest) {
  io.number(lowest);
  io.number(highest);
  io.check(lowest >= 1 && lowest <= highest);
}

}  // namespace evmesh::wire
