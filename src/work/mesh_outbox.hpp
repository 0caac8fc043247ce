#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/limits.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::work {

/// Puts encoded frames with the right header into a list. Lives for one input.
class Outbox {
 public:
  Outbox(const Life& self, Frames& out) : self_(self), out_(out) {}

  void send(const Life& to, wire::Class frame_class, const wire::Body& body) {
    wire::Header header;
    header.from = self_.id;
    header.from_epoch = self_.epoch;
    header.to = to.id;
    header.to_epoch = to.epoch;
    out_.push_back({to, frame_class, wire::encode(header, body)});
  }
  void say(const Life& to, const wire::Body& body) { send(to, wire::Class::control, body); }

 private:
  const Life& self_;
  Frames& out_;
};

/// Gives `piece` as many elements of `list` at a time as a frame may hold.
template <class Element, class Piece>
void in_pieces(std::span<const Element> list, const Piece& piece) {
  while (!list.empty()) {
    const auto some = list.first(std::min(list.size(), limits::work_list_max));
    piece(std::vector<Element>(some.begin(), some.end()));
    list = list.subspan(some.size());
  }
}

}  // namespace evmesh::work
