#pragma once

#include <string_view>
#include <vector>

#include <evmesh/bus.hpp>

namespace evmesh::admin {

/// Reads the body of the event route: one item or an array of them. An item is an event in one of the forms
/// of `event::from_json_view`, or `{"event":EVENT,"keys":["Type:value"]}`, whose keys replace those of the
/// event. `invalid_argument`, `undecodable` or `batch_too_large`, naming the item when there are several.
[[nodiscard]] Result<std::vector<KeyedEvent>> read_posted(std::string_view body);

}  // namespace evmesh::admin
