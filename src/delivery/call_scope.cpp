#include "delivery/call_scope.hpp"

namespace evmesh::delivery {
namespace {

thread_local const CallScope* innermost = nullptr;

}  // namespace

CallScope::CallScope(const NodeMark& node, unsigned depth) noexcept
    : node_(node), depth_(depth), outer_(innermost) {
  innermost = this;
}

CallScope::~CallScope() { innermost = outer_; }

unsigned CallScope::depth(const NodeMark& node) noexcept {
  for (const CallScope* scope = innermost; scope != nullptr; scope = scope->outer_) {
    if (&scope->node_ == &node) return scope->depth_;
  }
  return 0;
}

}  // namespace evmesh::delivery
