#pragma once

#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "wire/fields.hpp"

namespace evmesh::wire {

// What the frames of group work hold, and of operators' questions.

/// At least 1, as everything that is counted.
template <class Io, class T>
void counted(Io& io, T& number) {
  io.number(number);
  io.check(number >= 1);
}

/// Each in order, and at least one number between two of them: a set of numbers has one form only.
inline bool apart(const std::vector<NumberRange>& ranges) {
  for (std::size_t at = 0; at < ranges.size(); ++at) {
    if (ranges[at].first < 1 || ranges[at].first > ranges[at].last) return false;
    if (at > 0 && ranges[at].first - 1 <= ranges[at - 1].last) return false;
  }
  return true;
}

template <class Io>
void ranges(Io& io, typename Io::template Ref<std::vector<NumberRange>> list, std::size_t count_min) {
  io.template list<std::uint16_t>(list, limits::work_list_max, 16, [&](auto& range) {
    io.number(range.first);
    io.number(range.last);
  });
  io.check(list.size() >= count_min && apart(list));
}

template <class Io>
void work_name(Io& io, typename Io::template Ref<WorkName> name) {
  io.id(name.id.owner);
  counted(io, name.id.epoch);
  io.number(name.id.seq);
  io.number(name.group);
  io.number(name.generation);
}

template <class Io>
void custody_of(Io& io, typename Io::template Ref<Custody> custody) {
  io.number(custody.counter);
  io.id(custody.node);
  io.number(custody.epoch);
}

/// What a listener or a disk said: it need not be text.
template <class Io>
void error_bytes(Io& io, typename Io::template Ref<std::string> error) {
  io.template blob<std::uint16_t>(error, 0, limits::attempt_error_bytes_max);
}

template <class Io>
void retry_policy(Io& io, typename Io::template Ref<RetryPolicy> retry) {
  io.number(retry.max_retries);
  io.duration(retry.first);
  io.duration(retry.cap);
  io.real(retry.jitter);
  io.check(retry.jitter >= 0 && retry.jitter <= 1 && !std::signbit(retry.jitter));
}

template <class Io>
void group_entry(Io& io, typename Io::template Ref<GroupEntry> entry) {
  io.text8(entry.bus, 1, limits::group_bytes_max);
  io.text8(entry.group, 1, limits::group_bytes_max);
  io.check(Group::parse(entry.bus).has_value() && Group::parse(entry.group).has_value());
  io.flag(entry.present);
  io.flag(entry.paused);
  io.template blob<std::uint16_t>(entry.pause_reason, 0, limits::pause_reason_bytes_max);
  io.check(entry.pause_reason.empty() || (entry.paused && base::valid_utf8(entry.pause_reason)));
  io.flag(entry.critical);
  counted(io, entry.version);
  io.id(entry.writer);
  retry_policy(io, entry.retry);
  counted(io, entry.backlog_max);
  io.check(entry.backlog_max <= limits::group_backlog_max_highest);
  io.number(entry.backlog_bytes_max);
  io.check(entry.backlog_bytes_max >= limits::mib);
  io.flag(entry.refuse_at_backlog);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Groups> groups) {
  io.number(groups.request);
  io.template list<std::uint16_t>(groups.entries, limits::required_groups_max, 78,
                                  [&](auto& entry) { group_entry(io, entry); });
  io.check(!groups.entries.empty() && ascending(groups.entries, [](const GroupEntry& entry) {
    return std::pair(std::string_view(entry.bus), std::string_view(entry.group));
  }));
}

template <class Io>
void walk(Io& io, typename Io::template Ref<GroupsAck> ack) {
  counted(io, ack.request);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Runs> runs) {
  counted(io, runs.version);
  io.template list<std::uint16_t>(runs.entries, limits::required_groups_max, 12, [&](auto& entry) {
    io.number(entry.group);
    counted(io, entry.slots);
  });
  io.check(ascending(runs.entries, [](const RunsEntry& entry) { return entry.group; }));
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Credit> credit) {
  io.template list<std::uint16_t>(credit.entries, limits::required_groups_max, 16, [&](auto& entry) {
    io.number(entry.group);
    io.number(entry.limit);
  });
  io.check(!credit.entries.empty() &&
           ascending(credit.entries, [](const CreditEntry& entry) { return entry.group; }));
}

/// With an event of one byte.
inline constexpr std::size_t delivered_bytes_min = 83;

template <class Io>
void walk(Io& io, typename Io::template Ref<Deliver> deliver) {
  counted(io, deliver.first);
  io.template list<std::uint16_t>(deliver.deliveries, limits::work_deliveries_max, delivered_bytes_min, [&](auto& delivery) {
    work_name(io, delivery.name);
    counted(io, delivery.attempt);
    custody_of(io, delivery.custody);
    io.flag(delivery.possibly_duplicate);
    io.flag(delivery.suspect);
    io.template blob<std::uint32_t>(delivery.event, 1, std::numeric_limits<std::uint32_t>::max());
  });
  io.check(!deliver.deliveries.empty() &&
           deliver.deliveries.size() - 1 <= std::numeric_limits<std::uint64_t>::max() - deliver.first);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Verdicts> verdicts) {
  io.template list<std::uint16_t>(verdicts.verdicts, limits::work_list_max, 19, [&](auto& verdict) {
    counted(io, verdict.number);
    io.choice(verdict.ending, WorkEnding::done, WorkEnding::given_back);
    io.duration(verdict.not_before);
    error_bytes(io, verdict.error);
  });
  io.check(!verdicts.verdicts.empty() &&
           ascending(verdicts.verdicts, [](const WorkVerdict& verdict) { return verdict.number; }));
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Retired> retired) {
  io.number(retired.through);
  ranges(io, retired.also, 0);
  io.check(retired.also.empty() || retired.also.front().first - 1 > retired.through);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<WorkBeat> beat) {
  io.number(beat.received);
  ranges(io, beat.open, 0);
  io.check(beat.open.empty() || beat.open.back().last <= beat.received);
  io.number(beat.groups_digest);
  io.number(beat.runs_version);
  io.number(beat.sent);
  io.number(beat.heard);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Query> query) {
  ranges(io, query.numbers, 1);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Unknown> unknown) {
  ranges(io, unknown.numbers, 1);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Copy> copy) {
  counted(io, copy.set_version);
  io.flag(copy.begin);
  io.flag(copy.end);
  io.number(copy.from);
  io.number(copy.to);
  io.check(copy.from <= copy.to);
  io.template list<std::uint16_t>(copy.records, limits::work_list_max, 5, [&](auto& record) {
    io.template blob<std::uint32_t>(record, 1, std::numeric_limits<std::uint32_t>::max());
  });
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Copied> copied) {
  counted(io, copied.set_version);
  io.number(copied.to);
}

inline bool each_once(const std::vector<NodeId>& nodes) {
  for (auto node = nodes.begin(); node != nodes.end(); ++node) {
    if (node->nil() || std::find(nodes.begin(), node, *node) != node) return false;
  }
  return true;
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Guard> guard) {
  counted(io, guard.set_version);
  io.number(guard.found);
  io.template list<std::uint16_t>(guard.guardians, limits::members_max, 16, [&](auto& node) { io.id(node); });
  io.check(each_once(guard.guardians));
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Adopted> adopted) {
  io.id(adopted.owner);
  counted(io, adopted.epoch);
  io.number(adopted.set_version);
  io.number(adopted.to);
  counted(io, adopted.counter);
  io.flag(adopted.last);
  io.flag(adopted.letters);
  io.template list<std::uint16_t>(adopted.groups, limits::required_groups_max, 26, [&](auto& group) {
    io.number(group.group);
    ranges(io, group.seqs, 1);
  });
  io.check(ascending(adopted.groups, [](const WorkRanges& group) { return group.group; }));
}

template <class Io>
void states_of(Io& io, typename Io::template Ref<std::vector<StateEntry>> states) {
  io.template list<std::uint16_t>(states, limits::work_list_max, 51, [&](auto& entry) {
    work_name(io, entry.name);
    io.choice(entry.state, WorkState::queued, WorkState::let_go);
    io.number(entry.attempt);
    error_bytes(io, entry.error);
  });
}

template <class Io>
void walk(Io& io, typename Io::template Ref<AdoptedAnswer> answer) {
  io.id(answer.owner);
  counted(io, answer.epoch);
  io.flag(answer.last);
  states_of(io, answer.states);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Claim> claim) {
  counted(io, claim.request);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<ClaimAnswer> answer) {
  counted(io, answer.request);
  io.number(answer.highest_epoch);
  io.number(answer.witness);
  io.flag(answer.last);
  states_of(io, answer.states);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Stale> stale) {
  work_name(io, stale.name);
  custody_of(io, stale.custody);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Ask> ask) {
  counted(io, ask.request);
  io.text8(ask.operation, 1, limits::operation_bytes_max);
  io.template blob<std::uint32_t>(ask.arguments, 0, limits::ask_bytes_max);
}

template <class Io>
void walk(Io& io, typename Io::template Ref<Reply> reply) {
  counted(io, reply.request);
  io.number(reply.code);
  io.number(reply.part);
  io.number(reply.parts);
  io.check(reply.part < reply.parts && reply.parts <= limits::reply_parts_max);
  io.template blob<std::uint32_t>(reply.body, 0, limits::ask_bytes_max);
}

}  // namespace evmesh::wire
