#include "wire/header.hpp"

namespace evmesh::wire {
namespace {

constexpr std::string_view magic = "EM";
constexpr std::size_t body_length_at = 4;

}  // namespace

void write_header(std::string& out, const Header& header) {
  assert(header.version >= 1 && !header.from.nil() && header.from_epoch > 0);
  Writer writer(out);
  writer.bytes(magic);
  writer.number(header.version);
  writer.number(static_cast<std::uint8_t>(header.kind));
  writer.number(std::uint32_t{0});
  writer.id(header.from);
  writer.number(header.from_epoch);
  writer.id(header.to);
  writer.number(header.to_epoch);
}

void write_body_length(std::string& frame) {
  assert(frame.size() - header_bytes <= std::numeric_limits<std::uint32_t>::max());
  patch(frame, body_length_at, static_cast<std::uint32_t>(frame.size() - header_bytes));
}

std::uint32_t read_header(Reader& reader, Header& header) {
  if (reader.left().size() < header_bytes) {
    reader.fail(DecodeError::truncated);
    return 0;
  }
  if (reader.take(magic.size()) != magic) reader.fail(DecodeError::bad_magic);
  reader.number(header.version);
  header.kind = static_cast<Kind>(reader.take_number<std::uint8_t>());
  const auto body_length = reader.take_number<std::uint32_t>();
  reader.id(header.from);
  reader.number(header.from_epoch);
  reader.id(header.to);
  reader.number(header.to_epoch);
  return body_length;
}

}  // namespace evmesh::wire
