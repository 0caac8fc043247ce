#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/crc32c.hpp"
#include "storage/blocks.hpp"
#include "base/bytes.hpp"
#include "storage/journal.hpp"
#include "support/crashing_disk.hpp"

using namespace evmesh;
using namespace evmesh::storage;

namespace {

constexpr std::size_t segment_bytes = 8192;

/// Makes the checksums of headers right, so that what they claim is what is tested and not only their
/// checksums.
void mend_headers(std::string& file, std::uint32_t salt) {
  std::size_t at = file.find(commit_magic, block_bytes);
  while (at != file.npos && at + commit_header_bytes <= file.size()) {
    base::put(file.data() + at + 4,
        base::crc32c(std::string_view(file).substr(at + 8, commit_header_bytes - 8), salt));
    at = file.find(commit_magic, at + 1);
  }
}

support::CrashingDisk::Contents files_with(std::string_view commits) {
  const NodeId owner{};
  const Tail begin{0, first_chain_of(owner)};
  std::string segment = encode(SegmentHeader{owner, 1, segment_bytes});
  segment.append(commits.substr(0, segment_bytes - block_bytes)).resize(segment_bytes);
  mend_headers(segment, salt_of(owner));
  std::string anchor = encode(AnchorSlot{owner, 2, 1, begin, begin});
  anchor += encode(AnchorSlot{owner, 1, 1, begin, begin});
  return {{"journal-000000000001.seg", segment}, {"journal.anchor", anchor}};
}

}  // namespace

// What stands behind a segment's header may be anything: the check reads it without harm and serves only
// records of the size that fits the file; a journal that opens serves all it has, and opens again with the
// same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  support::CrashingDisk disk(1, files_with({reinterpret_cast<const char*>(data), size}));
  const JournalOptions options{.segment_bytes = segment_bytes, .reserve_bytes = 0};
  static_cast<void>(check_journal(disk, [](Position, std::string_view record) {
    if (record.empty() || record.size() > segment_bytes) std::abort();
  }));
  auto journal = open_journal(disk, options);
  if (!journal) return 0;
  const auto count_of = [](const Journal& open) {
    std::uint64_t count = 0;
    const auto done = open.replay([&](Position position, std::string_view record) -> Result<void> {
      if (open.read(position) != std::string(record)) std::abort();
      ++count;
      return {};
    });
    if (!done) std::abort();
    return count;
  };
  const std::uint64_t records = count_of(**journal);
  const Tail tail = (*journal)->tail();
  journal = open_journal(disk, options);
  if (!journal || count_of(**journal) != records || (*journal)->tail() != tail) std::abort();
  return 0;
}
