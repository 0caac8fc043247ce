#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "work/copies.hpp"
#include "work/mesh_outbox.hpp"

namespace evmesh::work {

/// Its source is split by subject: the set of guardians, and what is sent to them.
class Copies::Impl {
 public:
  Impl(CopiesOptions options, Machine& machine) : options_(options), machine_(machine) {}

  // copies_set.cpp
  void raise_epoch(std::uint64_t epoch, Position end) {
    options_.self.epoch = epoch;
    found_ = end;
  }
  void member_up(Turn turn, const Life& life, bool transient);
  void member_down(Turn turn, const Life& life);
  void life_ended(Turn turn, const Life& life, bool clean);
  void tick(Turn turn);
  [[nodiscard]] std::optional<MonoTime> next_deadline() const;
  [[nodiscard]] std::uint32_t wanted() const;

  // copies.cpp
  void appended(const storage::Commit& commit);
  void on(Turn turn, const Life& from, const wire::Copied& copied);
  void pump(Turn turn, const Room& room, const Machine::Read& read, const ReadLetters& letters);
  [[nodiscard]] bool wants_pump() const;
  void carry(Position keep, storage::Commit& log);
  [[nodiscard]] Position safe() const;
  [[nodiscard]] std::uint32_t copies(Position end) const;
  [[nodiscard]] std::uint32_t whole() const;
  [[nodiscard]] std::vector<View> guardians() const;
  void lives(std::vector<Life>& out) const;

  CopiesCounters counters_;
  std::uint64_t version_ = 0;
  Position synced_ = 0;
  Position found_ = 0;      // the log ended there when this life began
  Position record_at_ = 0;  // of the record of the set
  std::vector<NodeId> had_guardians_;  // in the last life

 private:
  struct Member {
    bool transient = false;
    bool up = false;
    MonoTime avoid_until{};
    std::uint64_t told = 0;  // the version of the set that it was told
  };

  /// While its snapshot goes on, frames count from 0, the log's pieces between the snapshot's among them; the frame
  /// that ends it leads to the position in the log that the stream has reached. No count reaches such a position:
  /// every frame holds a record that took more room in the log.
  struct Guardian {
    Life life;
    std::uint64_t version = 0;  // of the set when its snapshot began, which names the snapshot
    std::optional<Machine::Snapshot> walk;
    bool walked = false;              // what is owed was sent, the letters come next
    std::uint64_t letters_after = 0;  // this number
    bool begun = false;
    Position end_at = 0;  // where the frame that ended the snapshot led to
    bool ended = false;   // that frame was sent
    Position stream = 0;  // all of the log before it was sent
    Position sent = 0;    // frames, then positions
    Position confirmed = 0;
    Position told_synced = 0;  // so much of it was on this node's disk, as it knows
    bool late = false;
    MonoTime progress{};  // when it last confirmed something, or had nothing to confirm
    MonoTime repeated{};

    [[nodiscard]] bool is_whole() const { return ended && confirmed >= end_at; }
    [[nodiscard]] bool counts() const { return is_whole() && !late; }
    /// It has something to confirm, be it on its way or, after a loss, about to go again.
    [[nodiscard]] bool waits() const { return begun && (confirmed < sent || progress < repeated); }
  };
  struct Reads {
    const Machine::Read& event;
    const ReadLetters& letters;
  };
  struct Entry {
    Position at = 0;
    Position end = 0;
    std::string record;
  };

  // copies_set.cpp
  [[nodiscard]] std::size_t known() const;
  [[nodiscard]] std::vector<Life> candidates(MonoTime now) const;
  [[nodiscard]] std::uint64_t weight(const NodeId& member) const;
  void choose(Turn turn, bool changed);
  void drop(const Life& life);
  void say_set(Turn turn);
  void tell(Turn turn, const Life& life, Member& member);
  void tell_all(Turn turn);
  void check(Turn turn, Guardian& guardian);
  [[nodiscard]] std::chrono::milliseconds patience(const Guardian& guardian) const;
  [[nodiscard]] Guardian* find(const Life& life);

  // copies.cpp
  void begin(Guardian& guardian, MonoTime now, std::uint64_t version);
  void rewind(Guardian& guardian, MonoTime now);
  void send(Turn turn, Guardian& guardian, const Room& room, const Reads& reads);
  std::uint64_t send_stream(Turn turn, Guardian& guardian);
  std::uint64_t send_piece(Turn turn, Guardian& guardian, const Reads& reads);
  bool next_piece(Guardian& guardian, const Reads& reads, std::vector<std::string>& records);
  std::uint64_t send_copy(Turn turn, Guardian& guardian, wire::Copy copy);
  [[nodiscard]] bool has_more(const Guardian& guardian) const;
  void say_synced(Turn turn);
  void trim();
  [[nodiscard]] Position reach(const Guardian& guardian) const;

  CopiesOptions options_;
  Machine& machine_;
  std::map<Life, Member> members_;
  std::set<NodeId> met_;  // and not left since
  std::vector<Guardian> guardians_;
  std::deque<Entry> ring_;
  std::uint64_t ring_bytes_in_use_ = 0;
  Position dropped_ = 0;   // what the ring no longer holds ends here
  Position appended_ = 0;
  Position copied_ = 0;    // the last record that is to be copied ends here
  MonoTime tell_at_{};
};

}  // namespace evmesh::work
