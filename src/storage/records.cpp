#include "storage/records.hpp"

#include <algorithm>
#include <optional>

#include <evmesh/key.hpp>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "storage/record_cursor.hpp"

namespace evmesh::storage {
namespace {

/// First byte of a record. Numbers are never given twice.
enum class Kind : std::uint8_t {
  owed = 1,
  started = 2,
  failed = 3,
  verdict = 4,
  settled = 5,
  suspect = 6,
  cancelled = 7,
  life = 8,
  goodbye = 9,
  copied = 10,
  dropped = 11,
  adopted = 12,
  answered = 13,
  guardians = 14,
};

/// Second byte: which parts follow, and what is only yes or no.
constexpr unsigned foreign_owner = 1;  // the owner's id follows
constexpr unsigned foreign_node = 2;   // so does the id of the node that ran it
constexpr unsigned ended_here = 4;
constexpr unsigned reach_here = 4;     // of an Adopted: how far the copy went
constexpr unsigned doubtful_here = 8;
constexpr unsigned custody_here = 16;  // each group of an Owed says its custody
constexpr unsigned meshed_here = 32;
constexpr unsigned begin_here = 64;
constexpr unsigned end_here = 128;
constexpr unsigned fresh_here = 32;
constexpr unsigned gone_here = 16;
constexpr unsigned letters_here = 8;  // of an Adopted: what had come to an end is among it

/// Flags of one group in an Owed.
constexpr unsigned group_ended = 1;
constexpr unsigned group_cancelled = 2;
constexpr unsigned group_suspect = 4;
constexpr unsigned group_letter = 8;
constexpr unsigned group_wait = 16;
constexpr unsigned doubt_shift = 5;  // two bits
constexpr unsigned group_unsure = 128;

constexpr std::size_t group_bytes_min = 1 + 1 + 4 + 4 + 2 + 1;
constexpr std::size_t attempt_bytes_min = 4 + 8 + 16 + 2;

/// The id that is left out when it is `self`; the flag says which.
template <class Io>
void elided(Io& io, typename Io::template Ref<NodeId> id, bool written, const NodeId& self) {
  if (written) {
    io.id(id);
    io.check(id != self);
  } else if constexpr (Io::reads) {
    id = self;
  }
}

template <class Io>
void dispatch_id(Io& io, typename Io::template Ref<DispatchId> id, std::uint8_t flags, const NodeId& self) {
  elided(io, id.owner, (flags & foreign_owner) != 0, self);
  io.number(id.epoch);
  io.number(id.seq);
  io.check(id.epoch >= 1 && id.seq >= 1);
}

template <class Io>
void place(Io& io, typename Io::template Ref<Place> place, std::uint8_t flags, const NodeId& self) {
  dispatch_id(io, place.id, flags, self);
  io.number(place.group);
  io.number(place.generation);
}

template <class Io, class Value>
void fate(Io& io, Value& value, Fate last_but) {
  auto byte = static_cast<std::uint8_t>(value);
  io.number(byte);
  io.check(byte >= 1 && byte <= 4 && byte != static_cast<std::uint8_t>(last_but));
  if constexpr (Io::reads) value = static_cast<Fate>(byte);
}

template <class Io>
void attempt(Io& io, typename Io::template Ref<PastAttempt> attempt) {
  io.number(attempt.number);
  io.check(attempt.number >= 1);
  io.time(attempt.time);
  io.id(attempt.node);
  io.template text<std::uint16_t>(attempt.error);
}

std::uint8_t group_flags(const OwedGroup& group) {
  return static_cast<std::uint8_t>(
      (group.ended ? group_ended : 0) | (group.cancelled ? group_cancelled : 0) |
      (group.suspect ? group_suspect : 0) | (group.letter.nil() ? 0 : group_letter) |
      (group.wait.count() == 0 ? 0 : group_wait) | (static_cast<unsigned>(group.doubt) << doubt_shift) |
      (group.unsure ? group_unsure : 0));
}

void read_group_flags(OwedGroup& group, std::uint8_t flags) {
  group.ended = (flags & group_ended) != 0;
  group.cancelled = (flags & group_cancelled) != 0;
  group.suspect = (flags & group_suspect) != 0;
  group.unsure = (flags & group_unsure) != 0;
  group.doubt = static_cast<Doubt>((flags & ~group_unsure) >> doubt_shift);
}

template <class Io>
void group(Io& io, typename Io::template Ref<OwedGroup> group, std::uint8_t record_flags) {
  io.template text<std::uint8_t>(group.name);
  std::uint8_t flags = group_flags(group);
  io.number(flags);
  if constexpr (Io::reads) {
    io.check(Group::parse(group.name).has_value());
    read_group_flags(group, flags);
  }
  io.number(group.generation);
  io.number(group.attempts);
  if ((record_flags & custody_here) != 0) io.number(group.custody);
  if ((flags & group_wait) != 0) {
    io.span(group.wait);
    io.check(group.wait.count() != 0);
  }
  if ((flags & group_letter) != 0) {
    io.id(group.letter);
    io.check(!group.letter.nil());
  }
  io.list(group.history, attempt_bytes_min, [&](auto& past) { attempt(io, past); });
}

bool taken_over(const Owed& owed) {
  return std::ranges::any_of(owed.groups, [](const OwedGroup& each) { return each.custody != 0; });
}

template <class Io>
void body(Io& io, typename Io::template Ref<Owed> owed, std::uint8_t flags, const NodeId& self) {
  dispatch_id(io, owed.id, flags, self);
  io.id(owed.event_id);
  io.time(owed.time);
  io.template text<std::uint8_t>(owed.bus);
  io.list(owed.groups, group_bytes_min, [&](auto& each) { group(io, each, flags); });
  io.template text<std::uint32_t>(owed.event);
  io.check(!owed.groups.empty());
  io.check((flags & custody_here) == 0 || taken_over(owed));
  if constexpr (Io::reads) io.check(!owed.bus.empty() && base::printable(owed.bus));
}

template <class Io>
void body(Io& io, typename Io::template Ref<Started> started, std::uint8_t flags, const NodeId& self) {
  place(io, started.place, flags, self);
  io.number(started.attempt);
  io.check(started.attempt >= 2);
}

template <class Io>
void body(Io& io, typename Io::template Ref<Failed> failed, std::uint8_t flags, const NodeId& self) {
  place(io, failed.place, flags, self);
  io.number(failed.attempt);
  io.check(failed.attempt >= 1);
  io.time(failed.time);
  io.span(failed.wait);
  elided(io, failed.node, (flags & foreign_node) != 0, self);
  io.template text<std::uint16_t>(failed.error);
  if constexpr (Io::reads) failed.ended = (flags & ended_here) != 0;
}

template <class Io>
void body(Io& io, typename Io::template Ref<Verdict> verdict, std::uint8_t flags, const NodeId& self) {
  place(io, verdict.place, flags, self);
  fate(io, verdict.fate, Fate{});
}

template <class Io>
void body(Io& io, typename Io::template Ref<Settled> settled, std::uint8_t flags, const NodeId& self) {
  place(io, settled.place, flags, self);
  fate(io, settled.fate, Fate::dead);
}

template <class Io>
void body(Io& io, typename Io::template Ref<Suspect> suspect, std::uint8_t flags, const NodeId& self) {
  place(io, suspect.place, flags, self);
}

template <class Io>
void body(Io& io, typename Io::template Ref<Cancelled> cancelled, std::uint8_t, const NodeId&) {
  io.number(cancelled.group);
}

template <class Io>
void body(Io& io, typename Io::template Ref<Life> life, std::uint8_t flags, const NodeId&) {
  io.id(life.node);
  io.number(life.epoch);
  io.check(life.epoch >= 1);
  if constexpr (Io::reads) life.doubtful = (flags & doubtful_here) != 0;
  if constexpr (Io::reads) life.meshed = (flags & meshed_here) != 0;
}

template <class Io>
void body(Io& io, typename Io::template Ref<Goodbye> goodbye, std::uint8_t, const NodeId&) {
  io.number(goodbye.epoch);
  io.check(goodbye.epoch >= 1);
}

template <class Io>
void body(Io& io, typename Io::template Ref<Copied> copied, std::uint8_t flags, const NodeId&) {
  io.id(copied.owner);
  io.number(copied.epoch);
  io.number(copied.set_version);
  io.number(copied.to);
  io.number(copied.synced);
  io.template text<std::uint32_t>(copied.record);
  io.check(copied.epoch >= 1 && copied.set_version >= 1);
  if constexpr (Io::reads) {
    copied.begin = (flags & begin_here) != 0;
    copied.end = (flags & end_here) != 0;
    copied.fresh = (flags & fresh_here) != 0;
    copied.gone = (flags & gone_here) != 0;
  }
}

template <class Io>
void body(Io& io, typename Io::template Ref<Dropped> dropped, std::uint8_t flags, const NodeId&) {
  io.id(dropped.owner);
  if constexpr (Io::reads) dropped.but_ended = (flags & ended_here) != 0;
}

template <class Io>
void body(Io& io, typename Io::template Ref<Adopted> adopted, std::uint8_t flags, const NodeId&) {
  io.id(adopted.owner);
  elided(io, adopted.from, (flags & foreign_node) != 0, NodeId{});
  if constexpr (Io::reads) adopted.letters = (flags & letters_here) != 0;
  io.check(adopted.from != adopted.owner);
  io.number(adopted.epoch);
  io.number(adopted.set_version);
  if ((flags & reach_here) != 0) {
    io.number(adopted.to);
    io.check(adopted.to > 0);
  }
  io.number(adopted.custody);
  io.number(adopted.group);
  std::uint64_t after = 0;
  io.list(adopted.seqs, 16, [&](auto& seqs) {
    io.number(seqs.first);
    io.number(seqs.second);
    io.check(seqs.first > after && seqs.second >= seqs.first);
    after = seqs.second;
  });
  io.check(adopted.epoch >= 1 && adopted.custody >= 1 && !adopted.seqs.empty());
}

template <class Io>
void body(Io& io, typename Io::template Ref<Answered> answered, std::uint8_t, const NodeId&) {
  io.id(answered.owner);
  io.number(answered.epoch);
  io.check(answered.epoch >= 1);
}

template <class Io>
void body(Io& io, typename Io::template Ref<Guardians> guardians, std::uint8_t, const NodeId&) {
  io.number(guardians.set_version);
  io.list(guardians.nodes, 16, [&](auto& node) { io.id(node); });
  io.check(guardians.set_version >= 1);
}

unsigned owner_flag(const DispatchId& id, const NodeId& self) { return id.owner == self ? 0 : foreign_owner; }

template <class Body>
void write(Kind kind, unsigned flags, const Body& record, const NodeId& self, std::string& out) {
  out.clear();
  RecordWriter io(out);
  io.number(static_cast<std::uint8_t>(kind));
  io.number(static_cast<std::uint8_t>(flags));
  body(io, record, static_cast<std::uint8_t>(flags), self);
}

/// The flags a kind may have.
constexpr unsigned flags_of(Kind kind) {
  switch (kind) {
    case Kind::failed: return foreign_owner | foreign_node | ended_here;
    case Kind::cancelled:
    case Kind::goodbye: return 0;
    case Kind::life: return doubtful_here | meshed_here;
    case Kind::owed: return foreign_owner | custody_here;
    case Kind::copied: return begin_here | end_here | fresh_here | gone_here;
    case Kind::dropped: return ended_here;
    case Kind::adopted: return foreign_node | reach_here | letters_here;
    case Kind::answered:
    case Kind::guardians: return 0;
    default: return foreign_owner;
  }
}

template <class Body>
WorkRecord read(RecordReader& io, std::uint8_t flags, const NodeId& self) {
  Body record;
  body(io, record, flags, self);
  io.end();
  return record;
}

std::optional<WorkRecord> read_kind(RecordReader& io, std::uint8_t kind, std::uint8_t flags,
                                    const NodeId& self) {
  switch (static_cast<Kind>(kind)) {
    case Kind::owed: return read<Owed>(io, flags, self);
    case Kind::started: return read<Started>(io, flags, self);
    case Kind::failed: return read<Failed>(io, flags, self);
    case Kind::verdict: return read<Verdict>(io, flags, self);
    case Kind::settled: return read<Settled>(io, flags, self);
    case Kind::suspect: return read<Suspect>(io, flags, self);
    case Kind::cancelled: return read<Cancelled>(io, flags, self);
    case Kind::life: return read<Life>(io, flags, self);
    case Kind::goodbye: return read<Goodbye>(io, flags, self);
    case Kind::copied: return read<Copied>(io, flags, self);
    case Kind::dropped: return read<Dropped>(io, flags, self);
    case Kind::adopted: return read<Adopted>(io, flags, self);
    case Kind::answered: return read<Answered>(io, flags, self);
    case Kind::guardians: return read<Guardians>(io, flags, self);
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t group_hash(std::string_view bus, std::string_view group) {
  // Neither name can hold the byte between them.
  char text[512];
  const std::size_t bus_size = bus.copy(text, 255);
  text[bus_size] = '\0';
  const std::size_t group_size = group.copy(text + bus_size + 1, 255);
  return base::hash64({text, bus_size + 1 + group_size});
}

void encode_record(const Owed& record, const NodeId& self, std::string& out) {
  const unsigned custody = taken_over(record) ? custody_here : 0U;
  write(Kind::owed, owner_flag(record.id, self) | custody, record, self, out);
}

void encode_record(const Started& record, const NodeId& self, std::string& out) {
  write(Kind::started, owner_flag(record.place.id, self), record, self, out);
}

void encode_record(const Failed& record, const NodeId& self, std::string& out) {
  const unsigned node = record.node == self ? 0U : foreign_node;
  const unsigned ended = record.ended ? ended_here : 0U;
  write(Kind::failed, owner_flag(record.place.id, self) | node | ended, record, self, out);
}

void encode_record(const Verdict& record, const NodeId& self, std::string& out) {
  write(Kind::verdict, owner_flag(record.place.id, self), record, self, out);
}

void encode_record(const Settled& record, const NodeId& self, std::string& out) {
  write(Kind::settled, owner_flag(record.place.id, self), record, self, out);
}

void encode_record(const Suspect& record, const NodeId& self, std::string& out) {
  write(Kind::suspect, owner_flag(record.place.id, self), record, self, out);
}

void encode_record(const Cancelled& record, const NodeId& self, std::string& out) {
  write(Kind::cancelled, 0, record, self, out);
}

void encode_record(const Life& record, const NodeId& self, std::string& out) {
  const unsigned flags = (record.doubtful ? doubtful_here : 0U) | (record.meshed ? meshed_here : 0U);
  write(Kind::life, flags, record, self, out);
}

void encode_record(const Goodbye& record, const NodeId& self, std::string& out) {
  write(Kind::goodbye, 0, record, self, out);
}

void encode_record(const Copied& record, const NodeId& self, std::string& out) {
  const unsigned phase = (record.begin ? begin_here : 0U) | (record.end ? end_here : 0U);
  const unsigned kept = (record.fresh ? fresh_here : 0U) | (record.gone ? gone_here : 0U);
  write(Kind::copied, phase | kept, record, self, out);
}

void encode_record(const Dropped& record, const NodeId& self, std::string& out) {
  write(Kind::dropped, record.but_ended ? ended_here : 0U, record, self, out);
}

void encode_record(const Adopted& record, const NodeId& self, std::string& out) {
  const unsigned from = record.from.nil() ? 0U : foreign_node;
  const unsigned reach = (record.to == 0 ? 0U : reach_here) | (record.letters ? letters_here : 0U);
  write(Kind::adopted, from | reach, record, self, out);
}

void encode_record(const Answered& record, const NodeId& self, std::string& out) {
  write(Kind::answered, 0, record, self, out);
}

void encode_record(const Guardians& record, const NodeId& self, std::string& out) {
  write(Kind::guardians, 0, record, self, out);
}

Result<WorkRecord> decode_record(std::string_view bytes, const NodeId& self) {
  RecordReader io(bytes);
  std::uint8_t kind = 0;
  std::uint8_t flags = 0;
  io.number(kind);
  io.number(flags);
  if (!io.good()) return fail(ErrorCode::undecodable, std::string("a record of the journal: ") + io.broken());
  std::optional<WorkRecord> record = read_kind(io, kind, flags, self);
  if (!record) {
    return fail(ErrorCode::undecodable,
                "a record of the journal is of kind " + std::to_string(kind) +
                    ", which this version does not know; use the version that wrote it");
  }
  io.check((flags & ~flags_of(static_cast<Kind>(kind))) == 0);
  if (io.good()) return *std::move(record);
  return fail(ErrorCode::undecodable,
              "a record of the journal, of kind " + std::to_string(kind) + ": " + io.broken());
}

bool concerns_copies(std::string_view bytes) {
  return !bytes.empty() && static_cast<std::uint8_t>(bytes[0]) >= static_cast<std::uint8_t>(Kind::copied);
}

Result<std::string_view> event_of_record(std::string_view bytes, const NodeId& self) {
  const auto record = decode_record(bytes, self);
  if (!record) return tl::unexpected(record.error());
  if (const auto* copied = std::get_if<Copied>(&*record)) return event_of_record(copied->record, copied->owner);
  if (const auto* owed = std::get_if<Owed>(&*record)) return owed->event;
  return fail(ErrorCode::undecodable, "a record of the journal that holds no event");
}

}  // namespace evmesh::storage
