#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "storage/commit.hpp"
#include "work/mesh_types.hpp"
#include "work/rig.hpp"

namespace evmesh::work::test {

/// A life of a node, by numbers.
inline Life life(std::uint8_t node, std::uint64_t epoch = 1) { return {node_id(node), epoch}; }

/// An obligation of node `owner`'s first life.
inline WorkName work_name(std::uint64_t seq, std::uint64_t group = 7, std::uint8_t owner = 1) {
  return {{node_id(owner), 1, seq}, group, 0};
}

/// What surrounds a pure machine of the mesh: time, a journal that is not read, and what came out.
struct Around {
  MonoTime now{1h};
  storage::Commit log{1};
  Actions actions;
  Frames frames;

  [[nodiscard]] Turn turn() { return {now, wall(100), log, actions, frames}; }

  /// Frames of one kind, to that member, taken away. Their views look into `kept`.
  template <class Body>
  std::vector<Body> said(const Life& to) {
    std::vector<Body> found;
    std::erase_if(frames, [&](SendFrame& frame) {
      kept.push_back(std::make_shared<std::string>(frame.bytes));
      auto decoded = wire::decode(*kept.back());
      if (frame.to != to || !decoded || !std::holds_alternative<Body>(decoded->body)) return false;
      found.push_back(std::get<Body>(std::move(decoded->body)));
      return true;
    });
    return found;
  }

  std::vector<std::shared_ptr<const std::string>> kept;
};

}  // namespace evmesh::work::test
