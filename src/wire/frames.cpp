#include "wire/frames.hpp"

#include <array>
#include <type_traits>
#include <utility>

#include "base/bytes.hpp"
#include "base/hash.hpp"
#include "wire/bodies.hpp"
#include "wire/event_codec.hpp"
#include "wire/header.hpp"

namespace evmesh::wire {
namespace {

/// In the order of Body's alternatives.
constexpr std::array kinds{Kind::hello,     Kind::welcome,  Kind::reject,       Kind::heartbeat,
                           Kind::ping,      Kind::pong,     Kind::probe,        Kind::probe_answer,
                           Kind::members,   Kind::goodbye,  Kind::fenced,       Kind::one_way,
                           Kind::forget,    Kind::announce, Kind::announce_ack, Kind::announce_request,
                           Kind::subscribe, Kind::notify,   Kind::gap,          Kind::repair,
                           Kind::report,    Kind::groups,   Kind::groups_ack,   Kind::runs,
                           Kind::credit,    Kind::deliver,  Kind::verdicts,     Kind::retired,
                           Kind::work_beat, Kind::query,    Kind::unknown,      Kind::copy,
                           Kind::copied,    Kind::guard,    Kind::adopted,      Kind::adopted_answer,
                           Kind::claim,     Kind::claim_answer, Kind::stale,    Kind::ask,
                           Kind::reply};
static_assert(kinds.size() == std::variant_size_v<Body>);

template <std::size_t... Index>
Body empty_body(std::size_t index, std::index_sequence<Index...>) {
  using Make = Body (*)();
  constexpr std::array<Make, sizeof...(Index)> make{[] { return Body(std::in_place_index<Index>); }...};
  return make[index]();
}

std::optional<Body> empty_body(Kind kind) {
  const auto* const found = std::find(kinds.begin(), kinds.end(), kind);
  if (found == kinds.end()) return std::nullopt;
  return empty_body(static_cast<std::size_t>(found - kinds.begin()),
                    std::make_index_sequence<std::variant_size_v<Body>>{});
}

bool spoken(std::uint8_t version) { return version >= version_min && version <= version_max; }

/// Kinds that every version can read in part, so that two nodes without a common version can say so.
bool understood(const Header& header) {
  const bool frozen =
      header.kind == Kind::hello || header.kind == Kind::welcome || header.kind == Kind::reject;
  return spoken(header.version) || (frozen && header.version > 0);
}

/// Reads the frozen part of a version that is not ours; what follows it may be anything.
struct ReadForeign {
  Reader& reader;

  void operator()(Hello& hello) const { walk_frozen(reader, hello); }
  void operator()(Welcome& welcome) const { walk(reader, welcome); }
  void operator()(Reject& reject) const {
    const auto reason = static_cast<RejectReason>(reader.take_number<std::uint8_t>());
    const bool known = reason >= RejectReason::cluster && reason <= RejectReason::malformed;
    reject.reason = known ? reason : RejectReason::malformed;
    walk_after_reason(reader, reject);
  }
  template <class Other>
  void operator()(Other&) const {
    reader.fail(DecodeError::bad_version);
  }
};

void read_body(Reader& reader, std::uint8_t version, Body& body) {
  if (spoken(version)) {
    std::visit([&](auto& fields) { walk(reader, fields); }, body);
    reader.end();
  } else {
    std::visit(ReadForeign{reader}, body);
    reader.skip_rest();
  }
  // A HELLO goes out in the lowest version its sender speaks, or the receiver could not know how to read it.
  const auto* const hello = std::get_if<Hello>(&body);
  if (hello != nullptr) reader.check(hello->version_lowest == version);
}

std::string encode_notify(const Header& header, const Notify& notify) {
  NotifyWriter writer(header, notify.bus, notify.after);
  for (const EventSlice& event : notify.events) writer.add(event.seq, event.bytes);
  return writer.finish(notify.to, notify.start, notify.report);
}

/// About, of those that may be long; what follows the header.
std::size_t expected_bytes(const Body& body) {
  const auto* const deliver = std::get_if<Deliver>(&body);
  if (deliver == nullptr) return 0;
  std::size_t bytes = 0;
  for (const Delivered& each : deliver->deliveries) bytes += delivered_bytes_min + each.event.size();
  return bytes + base::Appender::ahead;
}

}  // namespace

std::string encode(const Header& header, const Body& body) {
  if (const auto* const notify = std::get_if<Notify>(&body)) return encode_notify(header, *notify);

  Header head = header;
  head.kind = kinds[body.index()];
  if (const auto* const hello = std::get_if<Hello>(&body)) head.version = hello->version_lowest;
  std::string out;
  out.reserve(header_bytes + expected_bytes(body));
  write_header(out, head);
  std::visit(
      [&](const auto& fields) {
        Writer writer(out);
        if constexpr (!std::is_same_v<decltype(fields), const Notify&>) walk(writer, fields);
      },
      body);
  write_body_length(out);
  return out;
}

tl::expected<Frame, DecodeError> decode(std::string_view bytes, Header* header_out) {
  Reader reader(bytes);
  Header header;
  const std::uint32_t body_length = read_header(reader, header);
  if (reader.error()) return tl::unexpected(*reader.error());
  if (header_out != nullptr) *header_out = header;

  if (!understood(header)) return tl::unexpected(DecodeError::bad_version);
  if (body_length != reader.left().size()) return tl::unexpected(DecodeError::bad_length);
  std::optional<Body> body = empty_body(header.kind);
  if (!body) return tl::unexpected(DecodeError::unknown_kind);

  reader.check(!header.from.nil() && header.from_epoch > 0);
  read_body(reader, header.version, *body);
  if (reader.error()) return tl::unexpected(*reader.error());
  return Frame{header, std::move(*body)};
}

std::uint64_t interest_hash(std::string_view bus, std::string_view key) {
  std::array<char, limits::group_bytes_max + 1 + limits::key_bytes_max> joined{};
  assert(bus.size() + 1 + key.size() <= joined.size());
  std::copy(bus.begin(), bus.end(), joined.begin());
  std::copy(key.begin(), key.end(), joined.begin() + static_cast<std::ptrdiff_t>(bus.size() + 1));
  return base::hash64(std::string_view(joined.data(), bus.size() + 1 + key.size()));
}

std::string_view to_string(RejectReason reason) {
  switch (reason) {
    case RejectReason::cluster: return "cluster";
    case RejectReason::version: return "version";
    case RejectReason::stale_epoch: return "stale_epoch";
    case RejectReason::twin: return "twin";
    case RejectReason::full: return "full";
    case RejectReason::forgotten: return "forgotten";
    case RejectReason::malformed: return "malformed";
  }
  return "unknown";
}

std::string_view to_string(DecodeError error) {
  switch (error) {
    case DecodeError::truncated: return "truncated";
    case DecodeError::bad_magic: return "bad_magic";
    case DecodeError::bad_version: return "bad_version";
    case DecodeError::unknown_kind: return "unknown_kind";
    case DecodeError::bad_length: return "bad_length";
    case DecodeError::bad_value: return "bad_value";
    case DecodeError::trailing_bytes: return "trailing_bytes";
  }
  return "unknown";
}

}  // namespace evmesh::wire
