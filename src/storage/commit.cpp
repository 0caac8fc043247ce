#include "storage/commit.hpp"

#include <cassert>
#include <cstring>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "base/hash.hpp"
#include "base/limits.hpp"

namespace evmesh::storage {

namespace {

using base::get;
using base::put;

// The header, byte by byte; src/storage/README.md says the same in words.
constexpr std::size_t at_sum = 4, at_position = 8, at_synced = 16, at_length = 24, at_count = 28,
                      at_chain_after = 32, at_chain_before = 40;

std::uint32_t header_sum(std::string_view header, std::uint32_t salt) {
  return base::crc32c(header.substr(at_position, commit_header_bytes - at_position), salt);
}

std::uint32_t record_sum(std::string_view bytes, Position position) {
  char place[12];
  put(put(place, position), static_cast<std::uint32_t>(bytes.size()));
  return base::crc32c(bytes, base::crc32c({place, sizeof place}));
}

/// The chain value before stands last in the header, so that it and the records are one piece.
std::uint64_t chain_of(std::string_view commit) { return base::hash64(commit.substr(at_chain_before)); }

}  // namespace

Commit::Commit(Position begin) : begin_(begin), bytes_(commit_header_bytes, '\0') {}

Commit Commit::counting(Position begin) {
  Commit commit(begin);
  commit.keeps_ = false;
  return commit;
}

void Commit::restart(Position begin) {
  begin_ = begin;
  bytes_.assign(commit_header_bytes, '\0');
  count_ = 0;
  skipped_ = 0;
}

Position Commit::add(std::string_view record) {
  assert(!record.empty() && record.size() <= limits::journal_record_bytes_max);
  if (!keeps_) return skip();
  const Position position = end();
  char header[record_header_bytes];
  put(put(header, static_cast<std::uint32_t>(record.size())), record_sum(record, position));
  bytes_.append(header, sizeof header).append(record);
  ++count_;
  return position;
}

Position Commit::skip() {
  assert(!keeps_);
  const Position position = end();
  ++skipped_;
  ++count_;
  return position;
}

std::uint64_t Commit::seal(const Seal& seal) {
  char* const header = bytes_.data();
  std::memcpy(header, commit_magic.data(), commit_magic.size());
  put(header + at_position, begin_);
  put(header + at_synced, seal.synced);
  put(header + at_length, static_cast<std::uint32_t>(bytes_.size()));
  put(header + at_count, count_);
  put(header + at_chain_before, seal.chain);
  const std::uint64_t chain = chain_of(bytes_);
  put(header + at_chain_after, chain);
  put(header + at_sum, header_sum(bytes_, seal.salt));
  return chain;
}

std::optional<CommitHeader> decode_commit_header(std::string_view bytes, std::uint32_t salt) {
  if (bytes.size() < commit_header_bytes || !bytes.starts_with(commit_magic)) return std::nullopt;
  const char* const at = bytes.data();
  if (get<std::uint32_t>(at + at_sum) != header_sum(bytes, salt)) return std::nullopt;
  const CommitHeader header{
      .position = get<std::uint64_t>(at + at_position),
      .synced = get<std::uint64_t>(at + at_synced),
      .length = get<std::uint32_t>(at + at_length),
      .count = get<std::uint32_t>(at + at_count),
      .chain_after = get<std::uint64_t>(at + at_chain_after),
      .chain_before = get<std::uint64_t>(at + at_chain_before),
  };
  const bool possible =
      header.count > 0 && header.length > commit_header_bytes && header.synced <= header.position;
  return possible ? std::optional(header) : std::nullopt;
}

std::string_view fault_in(const CommitHeader& header, std::string_view commit) {
  if (commit.size() != header.length) return "the commit is cut off";
  RecordWalk walk(commit.substr(commit_header_bytes), header.position + commit_header_bytes);
  std::uint32_t count = 0;
  while (const auto record = walk.next()) {
    if (!record->sound) return "a record's checksum does not fit";
    ++count;
  }
  if (!walk.finished() || count != header.count) return "the records do not fill their commit";
  return chain_of(commit) == header.chain_after ? "" : "the chain value does not fit";
}

std::optional<Record> RecordWalk::next() {
  if (rest_.size() < record_header_bytes) return std::nullopt;
  const std::uint32_t length = record_length(rest_);
  if (length == 0 || length > rest_.size() - record_header_bytes) return std::nullopt;
  const std::string_view bytes = rest_.substr(record_header_bytes, length);
  const Record record{next_, bytes, record_sound(rest_, bytes, next_)};
  rest_.remove_prefix(record_header_bytes + length);
  next_ += record_header_bytes + length;
  return record;
}

std::uint32_t record_length(std::string_view header) { return get<std::uint32_t>(header.data()); }

bool record_sound(std::string_view header, std::string_view bytes, Position position) {
  return get<std::uint32_t>(header.data() + 4) == record_sum(bytes, position);
}

}  // namespace evmesh::storage
