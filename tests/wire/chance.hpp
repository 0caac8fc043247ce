#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <rapidcheck.h>

#include "wire/frames.hpp"

namespace evmesh::wire::test {

// What generators are made of; to be called inside one.

template <class T>
T any() {
  return *rc::gen::arbitrary<T>();
}

template <class T>
T between(T low, T high) {
  return static_cast<T>(
      *rc::gen::inRange<std::uint64_t>(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high) + 1));
}

/// Small numbers and the largest, too.
inline std::uint64_t number() {
  return *rc::gen::oneOf(rc::gen::arbitrary<std::uint64_t>(),
                     rc::gen::element<std::uint64_t>(0, 1, 0xffffffff, 0x100000000, ~0ULL));
}

inline NodeId id() {
  NodeId id;
  for (auto& byte : id.bytes) byte = any<std::uint8_t>();
  id.bytes[15] |= 1;  // never nil
  return id;
}

inline std::string word(std::string_view letters, std::size_t min, std::size_t max) {
  std::string text(between(min, max), ' ');
  for (char& c : text) c = letters[between<std::size_t>(0, letters.size() - 1)];
  return text;
}

template <class T>
std::vector<T> ascending(std::size_t count_max, T low, T high) {
  std::set<T> set;
  const auto count = between<std::size_t>(0, count_max);
  for (std::size_t i = 0; i < count; ++i)
    set.insert(low == 0 && high == T(~T{0}) ? any<T>() : between(low, high));
  return {set.begin(), set.end()};
}

}  // namespace evmesh::wire::test
