#pragma once

#include "routing/types.hpp"

namespace evmesh::routing {

/// Puts frames with the right header into a list of actions. Lives for one input.
class Outbox {
 public:
  Outbox(const Life& self, Actions& out) : self_(self), out_(out) {}

  void send(const Life& to, Class frame_class, const wire::Body& body) {
    out_.push_back(SendFrame{to, frame_class, wire::encode(header(to), body)});
  }

  [[nodiscard]] wire::Header header(const Life& to) const {
    wire::Header header;
    header.from = self_.id;
    header.from_epoch = self_.epoch;
    header.to = to.id;
    header.to_epoch = to.epoch;
    return header;
  }

  [[nodiscard]] Actions& actions() { return out_; }

 private:
  const Life& self_;
  Actions& out_;
};

}  // namespace evmesh::routing
