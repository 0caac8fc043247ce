#include "storage/segment.hpp"

#include <algorithm>
#include <charconv>

namespace evmesh::storage {

namespace {

constexpr std::string_view prefix = "journal-", segment_suffix = ".seg", spare_suffix = ".spare",
                           unfinished_suffix = ".new";
constexpr std::size_t digits = 12;  // so that names sort like numbers for longer than any disk lasts

std::string numbered(std::uint64_t number, std::string_view suffix) {
  const std::string text = std::to_string(number);
  return std::string(prefix) + std::string(digits - std::min(digits, text.size()), '0') + text +
         std::string(suffix);
}

std::optional<std::uint64_t> number_in(std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(segment_suffix)) return std::nullopt;
  const char* const from = name.data() + prefix.size();
  std::uint64_t number = 0;
  std::from_chars(from, name.data() + name.size(), number);
  return segment_name(number) == name ? std::optional(number) : std::nullopt;
}

void sort_in(JournalFiles& files, const std::string& name) {
  if (const auto number = number_in(name)) {
    files.segments.push_back(*number);
  } else if (name == anchor_name) {
    files.anchor = true;
  } else if (name == unfinished_name(anchor_name)) {
    files.unfinished.push_back(name);
  } else if (name.starts_with(prefix) && name.ends_with(spare_suffix)) {
    files.spares.push_back(name);
  } else if (name.starts_with(prefix) && name.ends_with(unfinished_suffix)) {
    files.unfinished.push_back(name);
  }
}

std::string_view fault_of(const SegmentHeader& header, const NodeId& owner, std::uint64_t number,
                          std::uint64_t size) {
  if (header.owner != owner) return "the segment belongs to another node's journal";
  if (header.number != number) return "the segment has another number than its name: files were exchanged";
  if (header.bytes != size || size < block_bytes) return "the file has not the length that its header names";
  return "";
}

/// The header, when it and the file's size are what they must be.
Result<SegmentHeader> read_header(const Disk& disk, const NodeId& owner, const Segment& segment) {
  const auto size = segment.file->size();
  if (!size) return tl::unexpected(size.error());
  std::string block(block_bytes, '\0');
  const auto count = segment.file->read(0, block);
  if (!count) return tl::unexpected(count.error());
  block.resize(*count);
  auto header = decode_segment_header(block);
  if (!header) return damaged(disk, segment.name, 0, header.error().message);
  const auto fault = fault_of(*header, owner, segment.number, *size);
  if (!fault.empty()) return damaged(disk, segment.name, 0, fault);
  return header;
}

}  // namespace

std::string segment_name(std::uint64_t number) { return numbered(number, segment_suffix); }

std::string spare_name(std::uint64_t number) { return numbered(number, spare_suffix); }

std::string unfinished_name(std::string_view name) {
  return std::string(name) + std::string(unfinished_suffix);
}

Result<JournalFiles> JournalFiles::list(const Disk& disk) {
  const auto names = disk.list();
  if (!names) return tl::unexpected(names.error());
  JournalFiles files;
  for (const auto& name : *names) sort_in(files, name);
  std::sort(files.segments.begin(), files.segments.end());
  return files;
}

Result<std::shared_ptr<Segment>> open_segment(Disk& disk, const NodeId& owner, std::uint64_t number) {
  auto segment = std::make_shared<Segment>();
  segment->number = number;
  segment->name = segment_name(number);
  auto file = disk.open(segment->name, false);
  if (!file) return tl::unexpected(file.error());
  segment->file = std::move(*file);
  const auto header = read_header(disk, owner, *segment);
  if (!header) return tl::unexpected(header.error());
  segment->bytes = header->bytes;
  return segment;
}

Result<void> check_header(const Disk& disk, const NodeId& owner, const Segment& segment) {
  const auto header = read_header(disk, owner, segment);
  if (!header) return tl::unexpected(header.error());
  return {};
}

tl::unexpected<Error> damaged(const Disk& disk, std::string_view name, std::uint64_t offset,
                              std::string_view what) {
  std::string directory = disk.path_of("");
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return fail(ErrorCode::storage, disk.path_of(name) + ", offset " + std::to_string(offset) + ": " +
                                      std::string(what) + "; \"evmesh journal check " + directory +
                                      "\" shows what can be read");
}

}  // namespace evmesh::storage
