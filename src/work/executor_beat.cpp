#include <algorithm>
#include <cmath>
#include <utility>

#include "work/executor_impl.hpp"

// What custodians are told: what runs here, credit, verdicts, beats.

namespace evmesh::work {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds quick = 1ms;
constexpr std::chrono::nanoseconds slow = 100ms;
constexpr std::chrono::seconds said_again{2};  // a verdict, while it is not retired
constexpr std::size_t repeated_max = 1'024;    // with one beat
constexpr std::size_t verdict_bytes = 32;      // about, in a frame

}  // namespace

// Credit.

/// Keeps the slots busy for the time of a round trip. Of runs shorter than 1 ms as many as take as long together (measured:
/// 1.35 times as many of a few microseconds as with 128), at most `prefetch_max`; of longer ones less by the logarithm, and
/// nothing from 100 ms on.
std::uint32_t Executor::Impl::prefetch(const RunGroup& group) const {
  if (group.usual >= slow) return 0;
  if (group.usual <= quick) {
    const auto times = quick / std::max(group.usual, std::chrono::nanoseconds{1});
    return static_cast<std::uint32_t>(std::min<std::int64_t>(options_.prefetch * times, options_.prefetch_max));
  }
  const double part = std::log(double(group.usual.count()) / double(quick.count())) /
                      std::log(double(slow.count()) / double(quick.count()));
  return static_cast<std::uint32_t>(options_.prefetch * (1 - part));
}

/// What may be open at once: an equal part for each that has something open.
std::uint64_t Executor::Impl::allowance(const Share& share) const {
  const RunGroup& group = *share.group;
  const std::uint64_t sharers = group.sharers + (share.open == 0 ? 1 : 0);
  return (group.slots + prefetch(group) + sharers - 1) / sharers;
}

void Executor::Impl::grow(Share& share) const {
  const Custodian& custodian = *share.custodian;
  if (!share.group->open()) return;
  if (custodian.verdicts + custodian.moved.size() >= options_.verdicts_max) return;
  share.limit = std::max(share.limit, share.ended + allowance(share));
}

void Executor::Impl::say_credit(Custodian& custodian, Outbox& outbox) {
  wire::Credit credit;
  for (Share* share : std::exchange(custodian.due, {})) {
    share->due = false;
    grow(*share);
    // Small steps are saved for later, unless they are all that there is.
    if (share->limit - share->said < std::max<std::uint64_t>(1, allowance(*share) / 8)) continue;
    share->said = share->limit;
    credit.entries.push_back({share->group->hash, share->limit});
  }
  if (credit.entries.empty()) return;
  std::ranges::sort(credit.entries, {}, &wire::CreditEntry::group);
  outbox.say(custodian.life, std::move(credit));
}

void Executor::Impl::say_all_credit(Custodian& custodian, Outbox& outbox) {
  wire::Credit credit;
  for (auto& [hash, group] : groups_) {
    if (!group.open() || credit.entries.size() == limits::required_groups_max) continue;
    Share& it = share(custodian, group);
    grow(it);
    it.said = it.limit;
    credit.entries.push_back({hash, it.limit});
  }
  if (!credit.entries.empty()) outbox.say(custodian.life, std::move(credit));
}

void Executor::Impl::say_runs(Custodian& custodian, Outbox& outbox) {
  if (runs_version_ == 0) return;
  wire::Runs runs{.version = runs_version_, .entries = {}};
  for (const auto& [hash, group] : groups_) {
    if (group.slots == 0 || runs.entries.size() == limits::required_groups_max) continue;
    runs.entries.push_back({hash, group.slots});
  }
  outbox.say(custodian.life, std::move(runs));
}

// Verdicts.

void Executor::Impl::say_verdicts(MonoTime now, Custodian& custodian, Outbox& outbox) {
  auto numbers = std::exchange(custodian.unsaid, {});
  std::ranges::sort(numbers);
  const auto repeated = std::ranges::unique(numbers);
  numbers.erase(repeated.begin(), repeated.end());
  wire::Verdicts verdicts;
  std::size_t bytes = 0;
  const auto send = [&] {
    if (!verdicts.verdicts.empty()) outbox.say(custodian.life, std::exchange(verdicts, {}));
    bytes = 0;
  };
  for (const std::uint64_t number : numbers) {
    const Slot* slot = custodian.entries.find(number);
    if (!slot || entries_[*slot].state != State::finished) continue;
    Entry& it = entries_[*slot];
    it.since = now;
    it.said = true;
    verdicts.verdicts.push_back({number, it.ending, it.not_before, it.error});
    bytes += verdict_bytes + it.error.size();
    if (bytes >= limits::packed_message_bytes_max - 2 * limits::kib ||
        verdicts.verdicts.size() == limits::work_list_max)
      send();
  }
  send();
}

/// Those that have been said for a while, and whose RETIRED may be lost.
void Executor::Impl::repeat_verdicts(MonoTime now, Custodian& custodian) {
  std::size_t left = repeated_max;
  custodian.entries.for_each([&](std::uint64_t number, Slot slot) {
    const Entry& it = entries_[slot];
    if (left == 0 || it.state != State::finished || now < it.since + said_again) return;
    custodian.unsaid.push_back(number);
    ++counters_.verdicts_repeated;
    --left;
  });
}

// Beats.

void Executor::Impl::say_beat(MonoTime now, Custodian& custodian, Outbox& outbox) {
  NumberSet open;
  custodian.entries.for_each([&](std::uint64_t number, Slot slot) {
    if (entries_[slot].state != State::finished) open.add(number);
  });
  wire::WorkBeat beat{custodian.received, open.ranges(),  groups_digest_,
                      runs_version_,      clock_of(now), custodian.beat_echo};
  if (beat.open.size() > limits::work_list_max) {
    // Beyond the bound it speaks for fewer numbers.
    beat.open.resize(limits::work_list_max);
    beat.received = beat.open.back().last;
  }
  custodian.beat_due = false;
  outbox.say(custodian.life, std::move(beat));
}

void Executor::Impl::say_all(MonoTime now, Custodian& custodian, Outbox& outbox) {
  custodian.runs_due = false;
  custodian.all_said = now;
  say_runs(custodian, outbox);
  say_all_credit(custodian, outbox);
}

/// The verdicts first: what neither has one nor is listed never arrived.
void Executor::Impl::pump(Turn& turn) {
  Outbox outbox(options_.self, turn.frames);
  for (Custodian* it : std::exchange(dirty_, {})) {
    it->dirty = false;
    it->beat_echo = it->beat_heard;
    if (!it->up) continue;
    if (it->runs_due) say_all(turn.now, *it, outbox);
    say_verdicts(turn.now, *it, outbox);
    say_credit(*it, outbox);
    if (it->beat_due) say_beat(turn.now, *it, outbox);
  }
}

void Executor::Impl::tick(Turn& turn) {
  Outbox outbox(options_.self, turn.frames);
  for (const auto& [life, it] : custodians_) {
    if (it->up && it->next_beat <= turn.now) beat(turn.now, *it, outbox);
    if (it->ended && it->queued > 0) drop_orphaned(turn.now, *it);
  }
  tell_suspects(turn);
}

void Executor::Impl::beat(MonoTime now, Custodian& custodian, Outbox& outbox) {
  repeat_verdicts(now, custodian);
  say_verdicts(now, custodian, outbox);
  say_beat(now, custodian, outbox);
  if (now >= custodian.all_said + options_.all_again) {
    say_all(now, custodian, outbox);
  } else {
    say_all_credit(custodian, outbox);
  }
  const bool idle = custodian.entries.empty() && now >= custodian.active_until;
  custodian.next_beat = now + (idle ? options_.idle_beat : options_.beat);
}

/// What is queued of one that ended waits so long for whoever answers for it.
std::optional<MonoTime> Executor::Impl::orphaned_until(const Custodian& custodian) const {
  if (!custodian.ended || custodian.queued == 0) return std::nullopt;
  return custodian.ended_at + (custodian.ended_at == MonoTime{} ? 0ms : options_.orphaned);
}

void Executor::Impl::drop_orphaned(MonoTime now, Custodian& custodian) {
  if (custodian.ended_at == MonoTime{}) custodian.ended_at = now;
  if (now < custodian.ended_at + options_.orphaned) return;
  for (auto number = custodian.entries.next(1); number; number = custodian.entries.next(*number + 1)) {
    const Slot slot = *custodian.entries.find(*number);
    if (entries_[slot].state != State::queued) continue;
    ++counters_.dropped;
    erase(slot);
  }
}

std::optional<MonoTime> Executor::Impl::next_deadline() const {
  std::optional<MonoTime> next;
  for (const auto& [life, it] : custodians_) {
    const auto at = it->up ? std::optional(it->next_beat) : orphaned_until(*it);
    if (at) next = next ? std::min(*next, *at) : *at;
  }
  return next;
}

}  // namespace evmesh::work
