#pragma once

namespace evmesh::delivery {

/// The identity of a node, by its address: "is this thread inside a listener call of this node?".
struct NodeMark {
  NodeMark() = default;
  NodeMark(const NodeMark&) = delete;
  NodeMark& operator=(const NodeMark&) = delete;
};

/// Marks the calling thread as inside a listener call while it lives. Nests, also across nodes. Thread-bound.
class CallScope {
 public:
  /// `depth`: 1 for a call made outside all others; one more for each dispatch that led to it, on whatever
  /// thread.
  CallScope(const NodeMark& node, unsigned depth) noexcept;
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  /// The depth of the innermost call of `node` that this thread is inside; 0 outside.
  [[nodiscard]] static unsigned depth(const NodeMark& node) noexcept;

 private:
  const NodeMark& node_;
  unsigned depth_;
  const CallScope* outer_;
};

}  // namespace evmesh::delivery
