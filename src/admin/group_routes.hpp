#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <evmesh/mesh_work.hpp>
#include <evmesh/node.hpp>

#include "admin/query.hpp"
#include "admin/routes.hpp"

namespace evmesh::admin {

/// What one node says for itself, in the form of what the mesh says.
template <class Value>
[[nodiscard]] Result<FromMesh<Value>> alone(Result<Value> own) {
  return std::move(own).map([](Value&& value) { return FromMesh<Value>{std::move(value), {}}; });
}

/// Whether a query asks this node alone ("local=1"). Errors: those of the query.
[[nodiscard]] Result<bool> local_of(const Result<Query>& query);

/// What operators ask of group work. `node` outlives the routes.
void add_group_routes(Routes& routes, Node& node);
void add_letter_routes(Routes& routes, Node& node);
void add_task_routes(Routes& routes, Node& node);

/// The same in the form of the James web admin, for scripts that were written for it.
void add_james_routes(Routes& routes, Node& node);

/// Takes JSON lines and is allowed a larger body than others.
inline constexpr std::string_view import_path = "/api/v1/dead-letters/import";
inline constexpr std::size_t import_body_bytes_max = 64 << 20;

/// The longest that one request waits.
inline constexpr std::uint64_t request_wait_ms_max = 60'000;

/// bus, group, type, match, event, since and until of a query. Errors: invalid_argument.
[[nodiscard]] Result<DeadLetterFilter> filter_of(const Query& query);

}  // namespace evmesh::admin
