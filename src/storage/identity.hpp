#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace evmesh::storage {

/// Who a node is, kept in `DIR/identity` (mode 0600): its id for ever and the epoch of its latest life. The directory is
/// locked (`DIR/lock`) as long as the object lives, so that no second process starts under the same id by accident.
/// Thread-bound.
class Identity {
 public:
  /// Creates the directory (mode 0700) and a new id where there is none, and begins a life: the epoch is
  /// max(kept + 1, unix milliseconds) and on the disk, directory entry included, before this returns.
  /// Errors: storage, naming the file and the cure (locked: by which pid; damaged: how to start anew).
  [[nodiscard]] static Result<std::unique_ptr<Identity>> open(const std::filesystem::path& directory,
                                                              const base::Clock& clock, base::Random& random);

  /// Whose directory it is; locks and changes nothing. Nothing when no node has lived there. Errors: storage, as `open`.
  [[nodiscard]] static Result<std::optional<NodeId>> read(const std::filesystem::path& directory);

  /// An identity that nobody keeps: a new id, the same rule for the epoch.
  [[nodiscard]] static std::unique_ptr<Identity> transient(const base::Clock& clock, base::Random& random);

  ~Identity();
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  [[nodiscard]] const NodeId& id() const { return id_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

  /// Goes on as a later life; on the disk before this returns. Errors: storage, invalid_argument (not later).
  [[nodiscard]] Result<void> raise_epoch(std::uint64_t epoch);

 private:
  Identity() = default;

  /// What stands in the file.
  struct Kept {
    NodeId id;
    std::uint64_t epoch = 0;
  };
  [[nodiscard]] static Result<std::optional<Kept>> read_kept(const std::filesystem::path& directory);

  [[nodiscard]] Result<void> lock();
  [[nodiscard]] Result<void> load(base::Random& random);
  [[nodiscard]] Result<void> save() const;

  std::filesystem::path directory_;  // empty: transient
  int lock_fd_ = -1;
  NodeId id_;
  std::uint64_t epoch_ = 0;
};

}  // namespace evmesh::storage
