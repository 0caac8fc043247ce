#pragma once

#include <rapidcheck.h>

#include "wire/frames.hpp"

namespace evmesh::wire::test {

[[nodiscard]] rc::Gen<Header> any_header();

/// A body of the kind at `index` of the variant, with every rule kept. Slices of a Notify and the like point
/// into static memory.
[[nodiscard]] rc::Gen<Body> any_body(std::size_t index);

/// The same inside a generator, for kinds of group work counted from GROUPS.
[[nodiscard]] Body work_body(std::size_t index);

/// 1 to `max` bytes of UTF-8 without control characters.
[[nodiscard]] rc::Gen<std::string> any_text(std::size_t max);

}  // namespace evmesh::wire::test
