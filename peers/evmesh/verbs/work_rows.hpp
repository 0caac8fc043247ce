#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "evmesh/command.hpp"

/// What the verbs about group work share.
namespace evmesh::cli {

[[nodiscard]] std::string number_text(std::uint64_t value);

/// How long ago a time was that stands as JSON in an answer, for people; empty for null.
[[nodiscard]] std::string age_text(const std::string& json);

/// The beginning of a node's or task's id that stands as JSON in an answer; empty for null.
[[nodiscard]] std::string short_id(const std::string& json);

/// The groups of a document with `items`.
[[nodiscard]] Table groups_table(const std::string& document);

/// The flags that choose dead letters.
[[nodiscard]] std::vector<Flag> filter_flags();

/// Those flags as a query, each as "&name=value"; empty when none is given. `--since` and `--until` take a
/// time like 2026-11-22T09:00:00Z or how long ago, like 2h.
[[nodiscard]] peers::Outcome<std::string> filter_query(const Arguments& arguments);

/// A row of an item's JSON.
using ToRow = std::function<std::vector<std::string>(const std::string& item)>;

/// Prints a document with `items`: one row each, made by `row` of the item's JSON, and one line each.
[[nodiscard]] peers::Outcome<void> print_items(const Session& session, const std::string& document,
                                               Table table, const ToRow& row);

/// "--bus" as a query that `first` begins ("?" or "&"); empty when not given.
[[nodiscard]] std::string bus_query(const Arguments& arguments, char first);

/// "--local" likewise: only the node asked answers.
[[nodiscard]] std::string local_query(const Arguments& arguments, char first);

inline constexpr Flag local_flag{"local", "", "asks only this node, not the whole mesh"};
inline constexpr Flag bus_flag{"bus", "NAME", "the bus (default: the node's first)"};

}  // namespace evmesh::cli
