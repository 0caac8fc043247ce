#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

#include "storage/blocks.hpp"
#include "storage/disk.hpp"

namespace evmesh::storage {

/// The file that says where the log begins and how far it is known to reach: two slots, written in turn, so
/// that one of them is always whole. Thread-bound.
class Anchor {
 public:
  /// A new one, on the disk with its directory entry. Errors: storage.
  [[nodiscard]] static Result<std::unique_ptr<Anchor>> create(Disk& disk, const AnchorSlot& slot);

  /// The one in the directory. Errors: storage (neither slot is whole; a newer format).
  [[nodiscard]] static Result<std::unique_ptr<Anchor>> open(Disk& disk);

  /// What was written last.
  [[nodiscard]] const AnchorSlot& slot() const { return slot_; }

  /// Writes the older of the two slots and syncs it; `turn` and `owner` are the anchor's own.
  [[nodiscard]] Result<void> write(const AnchorSlot& slot);

  /// Writes both, one after the other: from then on either one alone says the same.
  [[nodiscard]] Result<void> write_both(const AnchorSlot& slot);

  /// Whether both slots on the disk are what was written. Errors: storage.
  [[nodiscard]] Result<void> check() const;

  /// One sentence for each slot that is not whole.
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }

 private:
  explicit Anchor(Disk& disk) : disk_(disk) {}

  [[nodiscard]] Result<AnchorSlot> read(std::size_t index) const;

  Disk& disk_;
  std::unique_ptr<File> file_;
  AnchorSlot slot_;
  std::array<std::uint64_t, 2> turns_{};  ///< what each slot should hold
  std::vector<std::string> findings_;
};

}  // namespace evmesh::storage
