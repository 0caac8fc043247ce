#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "routing/types.hpp"

namespace evmesh::routing {

/// What this node tells the others it wants: one versioned set, written by nobody else. Value.
class LocalAnnouncement {
 public:
  explicit LocalAnnouncement(std::vector<std::string> buses) : buses_(std::move(buses)) {}

  /// A registration's change; every call is a version of its own.
  std::uint64_t change(std::size_t bus, std::span<const RegistrationKey> added, std::span<const RegistrationKey> removed,
                       std::optional<bool> each_node);

  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

  /// Everything since the last `flush`, as one change; empty when there is none.
  [[nodiscard]] std::optional<wire::Announce> flush();

  /// True when `flush` would give more than a frame holds; `whole` is the way then.
  [[nodiscard]] bool large_change() const;

  /// The whole set, in frames of at most 64 KiB. Nothing may wait for `flush`.
  [[nodiscard]] std::vector<wire::Announce> whole() const;

 private:
  void add(std::uint64_t hash);
  void remove(std::uint64_t hash);

  std::vector<std::string> buses_;
  std::unordered_map<std::uint64_t, std::uint32_t> counts_;  // two keys may share a hash
  std::set<std::uint16_t> each_node_;
  std::set<std::uint64_t> added_;
  std::set<std::uint64_t> removed_;
  std::uint64_t version_ = 0;
  std::uint64_t flushed_ = 0;
  std::uint64_t digest_ = 0;
};

/// Puts the parts of a whole set together. Value.
class Assembly {
 public:
  enum class Result : std::uint8_t { more, complete, too_many };

  /// Parts may come in any order and more than once; a part of another version starts anew.
  Result add(const wire::Announce& part);

  /// After `complete`: all keys.
  [[nodiscard]] const std::vector<std::uint64_t>& hashes() const { return hashes_; }
  void clear();

 private:
  std::uint64_t version_ = 0;
  std::uint32_t parts_ = 0;
  std::set<std::uint32_t> seen_;
  std::vector<std::uint64_t> hashes_;
};

}  // namespace evmesh::routing
