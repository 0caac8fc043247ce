#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory_resource>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/result.hpp>

namespace evmesh::registry {

/// Names a listener object on a bus. The same object has the same handle however often it is registered.
using ListenerHandle = std::uint64_t;

/// Names one registration on a bus. Handles ascend in the order of registration and are never used again.
using RegistrationHandle = std::uint64_t;

/// One registration's place under a key, or among the each-node listeners. Value.
struct Entry {
  RegistrationHandle registration = 0;
  ListenerHandle listener = 0;
  std::uint64_t version = 0;  ///< of the announcement that carried the registration; 0 in mono
  Timestamp since{};

  bool operator==(const Entry&) const = default;
};

/// Stands for "matched as each-node listener, by no key".
inline constexpr std::size_t no_key = std::numeric_limits<std::size_t>::max();

/// A listener that an event concerns. Value.
struct Match {
  ListenerHandle listener = 0;
  RegistrationHandle registration = 0;  ///< the oldest that matched
  std::uint64_t version = 0;            ///< the smallest of the registrations that matched
  std::size_t key = no_key;             ///< index of the first key that matched
  RegistrationHandle holder = 0;        ///< the oldest under that key: whose gate a call goes through

  bool operator==(const Match&) const = default;
};

using Matches = std::pmr::vector<Match>;

/// Who listens on this node, for one bus. Keys are compared whole: no prefixes, no wildcards.
/// Pure: takes time and versions as arguments. Not thread-safe; the bus guards it.
class Registry {
 public:
  /// At most `keys_max` distinct keys.
  explicit Registry(std::size_t keys_max);

  /// Says whether it is the first under `key`. The same registration twice on a key is once.
  /// Errors: too_many_registrations.
  [[nodiscard]] Result<bool> add(const RegistrationKey& key, const Entry& entry);

  /// Says whether it was the last under `key`. What is not there is not the last.
  bool remove(const RegistrationKey& key, RegistrationHandle registration);

  /// Says whether it is the first each-node listener.
  bool add_each_node(const Entry& entry);

  /// Says whether it was the last each-node listener.
  bool remove_each_node(RegistrationHandle registration);

  /// Errors: group_already_registered.
  [[nodiscard]] Result<void> add_group(const Group& group, RegistrationHandle registration);

  /// False when the group belongs to another registration, or to none.
  bool remove_group(const Group& group, RegistrationHandle registration);

  /// Appends each listener of any of `keys` once, in the order of registration. Does not allocate beyond
  /// `out`.
  void match(std::span<const RegistrationKey> keys, Matches& out) const;
  void match(std::span<const std::string_view> keys, Matches& out) const;

  /// As `match`, and the each-node listeners that no key reached.
  void match_with_each_node(std::span<const RegistrationKey> keys, Matches& out) const;
  void match_with_each_node(std::span<const std::string_view> keys, Matches& out) const;

  /// Registrations under `key`, in the order of registration; valid until the next change.
  [[nodiscard]] std::span<const Entry> entries(const RegistrationKey& key) const;

  /// Each-node registrations, in order; valid until the next change.
  [[nodiscard]] std::span<const Entry> each_node() const { return each_node_; }

  /// All keys with a listener, sorted.
  [[nodiscard]] std::vector<RegistrationKey> keys() const;

  /// Groups with a listener, sorted.
  [[nodiscard]] std::vector<Group> groups() const;

  [[nodiscard]] bool holds(const RegistrationKey& key) const { return !entries(key).empty(); }
  [[nodiscard]] std::size_t key_count() const { return by_key_.size(); }

 private:
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>{}(key); }
    std::size_t operator()(const RegistrationKey& key) const noexcept { return (*this)(key.to_string()); }
  };
  struct KeyEqual {
    using is_transparent = void;
    static std::string_view text(std::string_view key) { return key; }
    static std::string_view text(const RegistrationKey& key) { return key.to_string(); }
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const noexcept {
      return text(left) == text(right);
    }
  };

  template <class Key>
  void collect(std::span<const Key> keys, Matches& out) const;
  void collect_each_node(Matches& out) const;

  std::size_t keys_max_;
  std::unordered_map<RegistrationKey, std::vector<Entry>, KeyHash, KeyEqual> by_key_;
  std::vector<Entry> each_node_;
  std::map<Group, RegistrationHandle> groups_;
};

}  // namespace evmesh::registry
