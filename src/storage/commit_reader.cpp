#include "storage/commit_reader.hpp"

#include <algorithm>

namespace evmesh::storage {

namespace {

constexpr std::size_t window_bytes = 1U << 20;

std::optional<FoundCommit> find_in(std::string_view bytes, std::uint32_t salt, Position least) {
  for (std::size_t at = bytes.find(commit_magic); at != bytes.npos; at = bytes.find(commit_magic, at + 1)) {
    const auto header = decode_commit_header(bytes.substr(at), salt);
    if (header && header->position >= least) return FoundCommit{at, *header};
  }
  return std::nullopt;
}

}  // namespace

Result<std::string_view> Window::view(std::uint64_t offset, std::size_t bytes) {
  const bool inside = offset >= offset_ && offset + bytes <= offset_ + buffer_.size();
  if (!inside) {
    const std::uint64_t left = segment_.bytes - std::min(offset, segment_.bytes);
    buffer_.resize(std::min(left, std::max<std::uint64_t>(bytes, window_bytes)));
    offset_ = offset;
    const auto count = segment_.file->read(offset, buffer_);
    buffer_.resize(count.value_or(0));
    if (!count) return tl::unexpected(count.error());
  }
  return std::string_view(buffer_).substr(offset - offset_, bytes);
}

CommitReader::CommitReader(const Segment& segment, std::uint32_t salt, std::uint64_t offset, Tail before)
    : window_(segment), bytes_(segment.bytes), salt_(salt), offset_(offset), tail_(before) {}

Result<bool> CommitReader::next() {
  const auto head = window_.view(offset_, commit_header_bytes);
  if (!head) return tl::unexpected(head.error());
  const auto header = decode_commit_header(*head, salt_);
  header_ = header.value_or(CommitHeader{});
  fault_ = header ? misplaced() : "no commit stands here";
  if (!fault_.empty()) return false;
  const auto commit = window_.view(offset_, header_.length);
  if (!commit) return tl::unexpected(commit.error());
  commit_ = *commit;
  fault_ = fault_in(header_, commit_);
  if (!fault_.empty()) return false;
  offset_ += header_.length;
  tail_ = header_.after();
  return true;
}

RecordWalk CommitReader::records() const {
  return {commit_.substr(commit_header_bytes), header_.position + commit_header_bytes};
}

std::string_view CommitReader::misplaced() const {
  if (header_.position != tail_.position) return "the commit that stands here belongs elsewhere";
  if (header_.chain_before != tail_.chain)
    return "the commit that stands here does not follow the one before";
  return header_.length > bytes_ - offset_ ? "the commit leads out of its file" : "";
}

Result<std::optional<FoundCommit>> find_commit(const Segment& segment, std::uint32_t salt,
                                               std::uint64_t offset, Position least) {
  Window window(segment);
  while (offset < segment.bytes) {
    const auto piece = window.view(offset, window_bytes);
    if (!piece) return tl::unexpected(piece.error());
    if (auto found = find_in(*piece, salt, least)) return FoundCommit{offset + found->offset, found->header};
    if (piece->size() < window_bytes) break;  // the file's end
    // A header that the piece's end cuts in two is seen whole in the next one.
    offset += piece->size() - (commit_header_bytes - 1);
  }
  return std::nullopt;
}

}  // namespace evmesh::storage
