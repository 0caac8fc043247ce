#include <cassert>
#include <limits>
#include <utility>

#include "base/limits.hpp"
#include "wire/event_codec.hpp"
#include "wire/header.hpp"

namespace evmesh::wire {
namespace {

// Where the fields stand that are known last.
constexpr std::size_t flags_at = header_bytes + 2;
constexpr std::size_t to_at = flags_at + 1 + 8;
constexpr std::size_t count_at = to_at + 8;

// A frame that a peer's socket would not take cuts the connection, again and again: the stream would be silent for ever. So the
// largest event must fit alone, and so must events that share a frame.
constexpr std::size_t before_event = count_at + 4 + 4 + 4;
static_assert(before_event + limits::event_envelope_bytes_max <= limits::frame_overhead_bytes);
static_assert(before_event + limits::packed_message_bytes_max <= limits::frame_overhead_bytes);
static_assert(header_bytes + limits::announcement_frame_bytes_max <= limits::frame_overhead_bytes);

}  // namespace

NotifyWriter::NotifyWriter(const Header& header, std::uint16_t bus, std::uint64_t after)
    : after_(after), last_(after) {
  assert(bus < limits::buses_max);
  Header head = header;
  head.kind = Kind::notify;
  write_header(bytes_, head);
  Writer writer(bytes_);
  writer.number(bus);
  writer.number(std::uint8_t{0});
  writer.number(after);
  writer.number(std::uint64_t{0});
  writer.number(std::uint32_t{0});
}

void NotifyWriter::add(std::uint64_t seq, std::string_view event_bytes) {
  assert(seq > last_ && seq - after_ <= std::numeric_limits<std::uint32_t>::max());
  assert(!event_bytes.empty() && event_bytes.size() <= std::numeric_limits<std::uint32_t>::max());
  Writer writer(bytes_);
  writer.number(static_cast<std::uint32_t>(seq - after_));
  writer.number(static_cast<std::uint32_t>(event_bytes.size()));
  writer.bytes(event_bytes);
  last_ = seq;
  ++count_;
}

std::string NotifyWriter::finish(std::uint64_t to, bool start, bool report) {
  assert(to >= last_);
  patch(bytes_, flags_at, static_cast<std::uint8_t>((start ? 1U : 0U) | (report ? 2U : 0U)));
  patch(bytes_, to_at, to);
  patch(bytes_, count_at, count_);
  write_body_length(bytes_);
  return std::move(bytes_);
}

}  // namespace evmesh::wire
