#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/mesh_work.hpp>

#include "bus/json_fields.hpp"

namespace evmesh::bus {

/// How long other nodes are waited for.
inline constexpr std::chrono::milliseconds answer_patience{2'000};

inline constexpr std::string_view no_arguments = "{}";

/// The items of an answer, each through `read`.
template <class Item, class Read>
Result<std::vector<Item>> read_items(JsonReader& answer, const Read& read) {
  std::vector<Item> items;
  for (const event::JsonView each : answer.items("items")) {
    auto item = read(each);
    if (!item) return tl::unexpected(item.error());
    items.push_back(*std::move(item));
  }
  if (auto good = answer.finish(); !good) return tl::unexpected(good.error());
  return items;
}

/// The number of an answer that counts.
[[nodiscard]] inline Result<std::uint64_t> read_count(const std::string& text) {
  JsonReader json(text);
  const std::uint64_t count = json.number("count");
  if (auto good = json.finish(); !good) return tl::unexpected(good.error());
  return count;
}

/// What those who answered do not know, those who did not may.
[[nodiscard]] inline Error with_unreached(Error error, const std::vector<Unreached>& unreached) {
  for (const Unreached& each : unreached) error.message += "; node " + each.node + " could not be asked";
  return error;
}

}  // namespace evmesh::bus
