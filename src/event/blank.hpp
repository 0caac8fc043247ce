#pragma once

#include <evmesh/mailbox/required.hpp>

namespace evmesh::event {

/// The decoders' way to a struct whose mandatory members they have yet to read.
struct Blank {
  template <class T>
  [[nodiscard]] static T make() {
    return mailbox::Unset{}.fill<T>();
  }
};

}  // namespace evmesh::event
