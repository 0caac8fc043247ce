#include "ledger.hpp"

#include <algorithm>
#include <functional>

namespace evmesh::sim {

namespace {

std::string text(const Gap& gap) {
  return "gap of n" + std::to_string(gap.publisher.bytes[15]) + "/" + std::to_string(gap.epoch) + " [" +
         std::to_string(gap.from) + ", " + (gap.to ? std::to_string(*gap.to) : "end") + "] " + std::string(to_string(gap.reason));
}

}  // namespace

std::string name(const Life& life) { return "n" + std::to_string(life.id.bytes[15]) + "/" + std::to_string(life.epoch); }

void Ledger::begins(const Life& life, bool transient) {
  const auto [place, fresh] = publishing_.try_emplace(life);
  if (!fresh) throw Violation{"I-a", name(life) + " begins twice"};
  Publishing& publishing = place->second;
  publishing.transient = transient;
  publishing.events.resize(plan_.buses);
  publishing.ring_first.assign(plan_.buses, 1);
  reading_[life];
}

void Ledger::goes_on(const Life& before, const Life& after, const std::vector<std::uint64_t>& heads) {
  begins(after, publishing_.at(before).transient);
  reading_[after] = std::move(reading_.at(before));
  const Publishing& former = publishing_.at(before);
  bool same = true;
  for (std::size_t bus = 0; bus < heads.size(); ++bus) {
    if (heads[bus] != 0 && heads[bus] != former.events[bus].size()) {
      throw Violation{"I-c", name(after) + " goes on with " + std::to_string(heads[bus]) + " numbers"};
    }
    same = same && heads[bus] == former.events[bus].size();
  }
  if (same) publishing_.at(after).events = former.events;
  if (same) publishing_.at(after).ring_first = former.ring_first;
  ends(before, false);
  // What publishers told the former life of its registrations stands.
  for (auto& [publisher, publishing] : publishing_) {
    const auto told = publishing.acknowledgements.find(before);
    if (told != publishing.acknowledgements.end()) publishing.acknowledgements[after] = std::move(told->second);
  }
}

void Ledger::ends(const Life& life, bool said_goodbye) {
  publishing_.at(life).over = true;
  publishing_.at(life).said_goodbye = said_goodbye;
  reading_.erase(life);
}

void Ledger::accepted(const Life& life, std::size_t bus, std::uint64_t seq, const Logged& event) {
  auto& events = publishing_.at(life).events[bus];
  if (seq != events.size() + 1) {
    throw Violation{"I-c", name(life) + " numbered an event " + std::to_string(seq) + " after " + std::to_string(events.size())};
  }
  events.push_back(event);
}

std::uint64_t Ledger::head(const Life& life, std::size_t bus) const { return publishing_.at(life).events[bus].size(); }

void Ledger::ring_begins(const Life& life, std::size_t bus, std::uint64_t first) {
  publishing_.at(life).ring_first[bus] = first;
}

const Logged& Ledger::event(const Life& life, std::size_t bus, std::uint64_t seq) const {
  return publishing_.at(life).events[bus].at(seq - 1);
}

void Ledger::acknowledges(const Life& publisher, const Life& reader, const wire::AnnounceAck& ack) {
  auto& positions = publishing_.at(publisher).acknowledgements[reader][ack.version];
  positions.insert(positions.end(), ack.positions.begin(), ack.positions.end());
}

void Ledger::registers(const Life& reader, const Registration& registration) {
  reading_.at(reader).registrations.push_back(registration);
}

void Ledger::unregisters(const Life& reader, std::uint64_t registration) {
  std::erase_if(reading_.at(reader).registrations, [&](const Registration& entry) { return entry.handle == registration; });
}

void Ledger::meets(const Life& reader, const Life& publisher, const wire::Subscribe& subscribe, std::size_t bus) {
  Reading& reading = reading_.at(reader);
  if (!reading.met.try_emplace({publisher, bus}, subscribe.announcement_version).second) return;
  if (!subscribe.through) reading.begun_at_head.emplace(publisher, bus);
}

bool Ledger::settled(const Reading& reading, const Registration& registration, const Life& publisher) const {
  const auto met = reading.met.find({publisher, registration.bus});
  return met != reading.met.end() && registration.version <= met->second;
}

/// Nothing up to this, everything after it; empty while nobody can know.
std::optional<std::uint64_t> Ledger::floor(const Reading& reading, const Registration& registration, const Life& publisher) {
  const auto told = reading.floors.find({registration.handle, publisher});
  if (told != reading.floors.end()) return told->second;
  const auto met = reading.met.find({publisher, registration.bus});
  const bool stood = met != reading.met.end() && registration.version <= met->second;
  if (stood && !reading.begun_at_head.contains({publisher, registration.bus})) return 0;
  return std::nullopt;
}

void Ledger::receipt(const Life& reader, std::uint64_t handle, const Life& publisher, std::uint64_t seq) {
  Reading& reading = reading_.at(reader);
  const auto found = std::ranges::find(reading.registrations, handle, &Registration::handle);
  if (found == reading.registrations.end()) return;
  const Registration& registration = *found;
  if (!reading.floors.try_emplace({handle, publisher}, seq).second) return;

  // It must be what the publisher said of this version or a later one; or the stream began at 1 with this registration.
  const auto& said = publishing_.at(publisher).acknowledgements[reader];
  bool acknowledged = false;
  bool same = false;
  for (auto entry = said.lower_bound(registration.version); entry != said.end(); ++entry) {
    acknowledged = true;
    same = same || std::ranges::any_of(entry->second, [&](const auto& position) { return position.seq == seq; });
  }
  const bool from_one = settled(reading, registration, publisher) && seq == 0;
  if (!acknowledged || (!same && !from_one)) {
    throw Violation{"I-e", name(reader) + " has a receipt of " + name(publisher) + " for version " +
                               std::to_string(registration.version) + " at " + std::to_string(seq) +
                               (acknowledged ? ", which it never said" : ", which never acknowledged it")};
  }
  const auto seen = reading.seen.find({registration.listener, publisher, registration.bus});
  if (seen == reading.seen.end()) return;
  for (const auto& [number, doubted] : seen->second.doubtful) {
    if (doubted == handle && number > seq) {
      throw Violation{"I-b", name(reader) + " passed over " + std::to_string(number) + " of " + name(publisher) +
                                 ", whose receipt says everything after " + std::to_string(seq)};
    }
  }
}

bool Ledger::has_receipt(const Life& reader, std::uint64_t registration, const Life& publisher) const {
  return reading_.at(reader).floors.contains({registration, publisher});
}

/// The listener will never get what lies between its last number and `to` (excluded): nothing promised may be there.
void Ledger::pass_over(const Life& reader, Reading& reading, std::uint64_t listener, const Life& publisher, std::size_t bus,
                       Seen& seen, std::uint64_t to) {
  for (std::uint64_t number = seen.last + 1; number < to; ++number) {
    const KeySet keys = event(publisher, bus, number).keys;
    for (const Registration& registration : reading.registrations) {
      if (registration.listener != listener || registration.bus != bus || !registration.wants(keys)) continue;
      const auto lowest = floor(reading, registration, publisher);
      if (!lowest) seen.doubtful.emplace_back(number, registration.handle);
      if (!lowest || number <= *lowest) continue;
      throw Violation{"I-b", name(reader) + " listener " + std::to_string(listener) + " missed number " +
                                 std::to_string(number) + " of " + name(publisher) + " bus " + std::to_string(bus) +
                                 " without a gap (registration " + std::to_string(registration.handle) + " from " +
                                 std::to_string(*lowest) + ")"};
    }
  }
}

void Ledger::delivered(const Life& reader, std::size_t bus, std::uint64_t listener, const Origin& origin, std::string_view bytes,
                       std::optional<unsigned> key) {
  ++totals_.deliveries;
  const Life publisher{origin.publisher, origin.epoch};
  const std::string what = name(reader) + " listener " + std::to_string(listener) + " got " + std::to_string(origin.seq) +
                           " of " + name(publisher) + " bus " + std::to_string(bus);
  if (origin.seq == 0 || origin.seq > head(publisher, bus)) throw Violation{"I-d", what + ", which was never accepted"};
  const Logged& logged = event(publisher, bus, origin.seq);
  if (logged.bytes_hash != std::hash<std::string_view>{}(bytes)) throw Violation{"I-d", what + " with other bytes"};

  Reading& reading = reading_.at(reader);
  Seen& seen = reading.seen[{listener, publisher, bus}];
  if (origin.seq <= seen.last) throw Violation{"I-c", what + " after " + std::to_string(seen.last)};
  bool wanted = false;
  bool due = false;
  for (const Registration& registration : reading.registrations) {
    if (registration.listener != listener || registration.bus != bus || !registration.wants(logged.keys)) continue;
    wanted = true;
    const auto lowest = floor(reading, registration, publisher);
    due = due || (lowest ? origin.seq > *lowest : settled(reading, registration, publisher));
  }
  if (!wanted) throw Violation{"I-d", what + " and is not registered for it"};
  if (!due) throw Violation{"I-d", what + ", which is older than its registration"};
  if (key && (logged.keys & (KeySet{1} << *key)) == 0) throw Violation{"I-d", what + " by a key it does not have"};
  pass_over(reader, reading, listener, publisher, bus, seen, origin.seq);
  seen.last = origin.seq;
}

/// A gap is true: what it says is lost can be had no more, for the reason it names.
void Ledger::judge(const Gap& gap, std::size_t bus) const {
  const Publishing& publisher = publishing_.at({gap.publisher, gap.epoch});
  const std::uint64_t head = publisher.events[bus].size();
  bool right = gap.from > 0 && (!gap.to || (gap.from <= *gap.to && *gap.to <= head));
  // A transient node that is silent for long, and one that an operator forgot, are given up while they may live; nothing
  // of that life may follow then.
  // And a life on an old disk may be fenced by what is still under way of a later one, which was before it.
  const auto later = publishing_.upper_bound({gap.publisher, gap.epoch});
  const bool outlived = later != publishing_.end() && later->first.id == gap.publisher;
  const bool given_up = publisher.over || publisher.transient || outlived || forgotten(gap.publisher);
  if (gap.reason == GapReason::life_ended) right = right && given_up;
  if (gap.reason == GapReason::ring_overrun) right = right && gap.to && *gap.to < publisher.ring_first[bus];
  if (gap.reason == GapReason::listener_overrun) right = right && plan_.has(Fault::small_hold);
  if (gap.reason == GapReason::joined_late) {
    right = right && gap.to;
    for (std::uint64_t number = gap.from; right && number <= *gap.to; ++number) {
      right = !publisher.events[bus][number - 1].encoded;
    }
  }
  if (!right) throw Violation{"I-g", text(gap) + " on bus " + std::to_string(bus) + " is not true; head " + std::to_string(head)};
}

void Ledger::gap(const Life& reader, std::size_t bus, std::uint64_t listener, const Gap& gap) {
  const Life publisher{gap.publisher, gap.epoch};
  const std::string what = name(reader) + " listener " + std::to_string(listener) + " got " + text(gap);
  totals_.add("gap_" + std::string(to_string(gap.reason)));
  judge(gap, bus);
  Reading& reading = reading_.at(reader);
  const bool wanted = std::ranges::any_of(reading.registrations, [&](const Registration& entry) {
    return entry.listener == listener && entry.bus == bus;
  });
  if (!wanted) throw Violation{"I-d", what + " and is not registered on bus " + std::to_string(bus)};
  Seen& seen = reading.seen[{listener, publisher, bus}];
  if (gap.from <= seen.last) throw Violation{"I-c", what + " after " + std::to_string(seen.last)};
  pass_over(reader, reading, listener, publisher, bus, seen, std::min(gap.from, head(publisher, bus) + 1));
  seen.last = gap.to.value_or(UINT64_MAX - 1);
}

std::optional<std::string> Ledger::missing(const Life& reader, const std::set<Life>& absent) const {
  const Reading& reading = reading_.at(reader);
  for (const Registration& registration : reading.registrations) {
    for (const auto& [publisher, publishing] : publishing_) {
      if (publisher.id == reader.id || absent.contains(publisher)) continue;
      const auto lowest = floor(reading, registration, publisher);
      if (!lowest && publishing.over) continue;
      if (!lowest) return name(reader) + " has no receipt of " + name(publisher);
      const auto seen = reading.seen.find({registration.listener, publisher, registration.bus});
      const std::uint64_t last = seen == reading.seen.end() ? 0 : seen->second.last;
      const auto& events = publishing.events[registration.bus];
      for (std::uint64_t number = std::max(last, *lowest) + 1; number <= events.size(); ++number) {
        if (!registration.wants(events[number - 1].keys)) continue;
        return name(reader) + " listener " + std::to_string(registration.listener) + " never got number " +
               std::to_string(number) + " of " + name(publisher) + " bus " + std::to_string(registration.bus) + ", nor a gap";
      }
    }
  }
  return std::nullopt;
}

}  // namespace evmesh::sim
