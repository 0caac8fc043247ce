#include "samples.hpp"

namespace evmesh::wire::test {
namespace {

using std::chrono::milliseconds;
using namespace std::string_view_literals;

constexpr std::uint64_t number = 0x2122232425262728;
constexpr std::uint64_t other_number = 0x3132333435363738;

WorkName name(std::uint64_t seq, std::uint32_t generation) {
  return {.id = {node(0xe0), 4, seq}, .group = number, .generation = generation};
}

Custody adopter() { return {.counter = 2, .node = node(0xc0), .epoch = 6}; }

Groups groups() {
  return {.request = 7,
          .entries = {{.bus = "events",
                       .group = "billing",
                       .present = true,
                       .paused = true,
                       .pause_reason = "moving",
                       .critical = false,
                       .version = 3,
                       .writer = node(0xe0),
                       .retry = {8, milliseconds{100}, milliseconds{30'000}, 0.5},
                       .backlog_max = 1'000'000,
                       .backlog_bytes_max = 1'073'741'824,
                       .refuse_at_backlog = true},
                      {.bus = "jmap",
                       .group = "push",
                       .present = false,
                       .paused = false,
                       .pause_reason = "",
                       .critical = true,
                       .version = 9,
                       .writer = node(0xc0),
                       .retry = {0, milliseconds{0}, milliseconds{0}, 0},
                       .backlog_max = 1,
                       .backlog_bytes_max = 1'048'576,
                       .refuse_at_backlog = false}}};
}

Deliver deliver() {
  return {.first = 41,
          .deliveries = {{.name = name(5, 0),
                          .attempt = 1,
                          .custody = {0, node(0xa0), 0x0102030405060708},
                          .possibly_duplicate = false,
                          .suspect = false,
                          .event = "ab"sv},
                         {.name = name(6, 1),
                          .attempt = 3,
                          .custody = adopter(),
                          .possibly_duplicate = true,
                          .suspect = true,
                          .event = "c"sv}}};
}

Verdicts verdicts() {
  return {{{41, WorkEnding::done, milliseconds{0}, ""},
           {42, WorkEnding::failed, milliseconds{250}, "no route"}}};
}

AdoptedAnswer adopted_answer() {
  return {node(0xe0),
          4,
          true,
          {{name(5, 0), WorkState::done, 1, ""}, {name(6, 1), WorkState::failed, 3, "no route"}}};
}

}  // namespace

std::vector<NamedBody> work_bodies() {
  return {
      {"groups", Kind::groups, groups()},
      {"groups_ack", Kind::groups_ack, GroupsAck{7}},
      {"runs", Kind::runs, Runs{3, {{number, 10}, {other_number, 1}}}},
      {"credit", Kind::credit, Credit{{{number, 138}}}},
      {"deliver", Kind::deliver, deliver()},
      {"verdicts", Kind::verdicts, verdicts()},
      {"retired", Kind::retired, Retired{41, {{43, 44}, {46, 46}}}},
      {"work_beat", Kind::work_beat, WorkBeat{46, {{42, 42}, {45, 46}}, number, 3, other_number, 500}},
      {"query", Kind::query, Query{{{42, 42}, {45, 46}}}},
      {"unknown", Kind::unknown, Unknown{{{46, 46}}}},
      {"copy", Kind::copy, Copy{2, true, false, 4096, 4224, {"\1\2\3"sv, "\4"sv}}},
      {"copied", Kind::copied, Copied{2, 4224}},
      {"guard", Kind::guard, Guard{2, 0x60, {node(0xe0), node(0xc0)}}},
      {"adopted", Kind::adopted,
       Adopted{node(0xe0), 4, 2, 0x1080, 1, true, {{number, {{5, 6}, {9, 9}}}}, true}},
      {"adopted_answer", Kind::adopted_answer, adopted_answer()},
      {"claim", Kind::claim, Claim{7}},
      {"claim_answer", Kind::claim_answer,
       ClaimAnswer{7, 4, 4224, true, {{name(5, 0), WorkState::running, 1, ""}}}},
      {"stale", Kind::stale, Stale{name(5, 0), adopter()}},
      {"ask", Kind::ask, Ask{7, "group.pause", R"({"a":1})"}},
      {"reply", Kind::reply, Reply{7, 0, 1, 2, "[]"}},
  };
}

}  // namespace evmesh::wire::test
