#include "storage/anchor.hpp"

#include "storage/segment.hpp"

namespace evmesh::storage {

namespace {

// The turn says where a slot stands: an older copy in the wrong place is found.
std::size_t index_of(std::uint64_t turn) { return turn % 2; }

std::uint64_t offset_of(std::size_t index) { return index * block_bytes; }

}  // namespace

Result<std::unique_ptr<Anchor>> Anchor::create(Disk& disk, const AnchorSlot& slot) {
  std::unique_ptr<Anchor> anchor(new Anchor(disk));
  const std::string fresh = unfinished_name(anchor_name);
  auto file = disk.open(fresh, true);
  if (!file) return tl::unexpected(file.error());
  anchor->file_ = std::move(*file);
  anchor->slot_.owner = slot.owner;
  auto done = anchor->write_both(slot);
  // Its name appears when it is whole: an anchor that cannot be read is damaged, never half made.
  if (done) done = disk.rename(fresh, anchor_name);
  if (done) done = disk.sync_directory();
  if (!done) return tl::unexpected(done.error());
  // Once more, so that later errors name the file that is there.
  file = disk.open(anchor_name, false);
  if (!file) return tl::unexpected(file.error());
  anchor->file_ = std::move(*file);
  return anchor;
}

Result<std::unique_ptr<Anchor>> Anchor::open(Disk& disk) {
  std::unique_ptr<Anchor> anchor(new Anchor(disk));
  auto file = disk.open(anchor_name, false);
  if (!file) return tl::unexpected(file.error());
  anchor->file_ = std::move(*file);
  for (std::size_t index = 0; index < 2; ++index) {
    const auto slot = anchor->read(index);
    if (!slot) {
      anchor->findings_.push_back(slot.error().message);
    } else if (slot->turn > anchor->slot_.turn) {
      anchor->slot_ = *slot;
    }
    anchor->turns_[index] = slot ? slot->turn : 0;
  }
  if (anchor->findings_.size() == 2) return fail(ErrorCode::storage, anchor->findings_.front());
  return anchor;
}

Result<AnchorSlot> Anchor::read(std::size_t index) const {
  std::string block(block_bytes, '\0');
  const auto count = file_->read(offset_of(index), block);
  if (!count) return tl::unexpected(count.error());
  block.resize(*count);
  auto slot = decode_anchor_slot(block);
  if (!slot) return damaged(disk_, anchor_name, offset_of(index), slot.error().message);
  const bool possible = slot->turn > 0 && index_of(slot->turn) == index && slot->segment > 0 &&
                        slot->begin.position <= slot->tail.position;
  if (!possible) return damaged(disk_, anchor_name, offset_of(index), "this is not what an anchor says");
  return slot;
}

Result<void> Anchor::write(const AnchorSlot& slot) {
  AnchorSlot next = slot;
  next.owner = slot_.owner;
  next.turn = slot_.turn + 1;
  const std::size_t index = index_of(next.turn);
  if (auto written = file_->write(offset_of(index), encode(next)); !written) return written;
  if (auto synced = file_->sync(); !synced) return synced;
  slot_ = next;
  turns_[index] = next.turn;
  return {};
}

Result<void> Anchor::write_both(const AnchorSlot& slot) {
  auto first = write(slot);
  return first ? write(slot) : first;
}

Result<void> Anchor::check() const {
  for (std::size_t index = 0; index < 2; ++index) {
    const auto slot = read(index);
    if (!slot) return tl::unexpected(slot.error());
    if (slot->turn != turns_[index])
      return damaged(disk_, anchor_name, offset_of(index), "an older anchor came back");
  }
  return {};
}

}  // namespace evmesh::storage
