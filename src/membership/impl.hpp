#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "membership/membership.hpp"
#include "membership/rules.hpp"
#include "membership/state.hpp"

namespace evmesh::membership {

/// The machine, one file per subject. Every public function but the views enters with the caller's time and
/// works on `now_`.
class Membership::Impl {
 public:
  Impl(Options options, const HeartbeatSource& source, std::uint64_t random_seed);

  // machine.cpp: inputs, time and the turn.
  void start(MonoTime now, Actions& out);
  void tick(MonoTime now, Actions& out);
  [[nodiscard]] MonoTime next_deadline() const;
  bool on_frame(MonoTime now, const ConnectionId& from, const wire::Frame& frame, Actions& out);
  void on_answer(MonoTime now, LinkId link, const wire::Frame& frame, Actions& out);
  bool on_published(MonoTime now, const Life& from, Actions& out);

  // dialing.cpp
  void on_link(MonoTime now, LinkId link, LinkEvent event, Actions& out);

  // departure.cpp
  void goodbye(MonoTime now, bool for_good, std::vector<wire::StreamPosition> heads, Actions& out);
  Result<void> forget(MonoTime now, std::string_view name_or_id, Actions& out);
  // view.cpp
  [[nodiscard]] bool settled() const { return awaited().empty(); }
  [[nodiscard]] std::vector<std::string> awaited() const;
  [[nodiscard]] std::vector<Member> members(MonoTime now) const;
  [[nodiscard]] std::optional<Life> current_life(const NodeId& id) const;
  [[nodiscard]] const Life& self() const { return options_.self; }
  [[nodiscard]] wire::Header header_for(const Life& to) const;
  [[nodiscard]] bool anyone_absent() const;
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counters() const { return counters_; }

 private:
  enum class Age { older, same, newer };
  // machine.cpp
  bool enter(MonoTime now, Actions& out);
  void notice_pause(std::chrono::nanoseconds gap, Actions& out);
  void schedule();
  void beat(Actions& out);
  Peer* speaker(const ConnectionId& from, const wire::Header& header, Actions& out);
  void handle(Peer& peer, const ConnectionId& from, const wire::Body& body, Actions& out);
  [[nodiscard]] bool addressed_to_us(const wire::Header& header) const;
  [[nodiscard]] static Age age(const Life& said, const Life& known);

  // table.cpp: rows, and what every subject needs.
  [[nodiscard]] Peer* find(const NodeId& id);
  [[nodiscard]] const Link* link_of(const Peer& peer) const;
  [[nodiscard]] bool bound(const Peer& peer) const;
  [[nodiscard]] bool anyone_up() const;
  [[nodiscard]] bool full() const;
  Peer* create(const Life& life, std::string_view name, std::string_view work_endpoint, bool transient,
               Actions& out);
  void erase(const NodeId& id, Actions& out);
  void bound_tombstones(Actions& out);
  void remember(const Peer& peer);
  [[nodiscard]] const GivenUp* given_up(const Life& life) const;
  void count(std::string_view counter, std::uint64_t by = 1);  // evmesh_membership_`counter`_total
  void note(Actions& out, LogLevel level, std::string message, base::LogFields fields = {}) const;
  void note_seldom(Actions& out, const std::string& about, LogLevel level, std::string message,
                   base::LogFields fields);
  void send(LinkId link, const NodeId& to, std::uint64_t to_epoch, wire::Body body, Actions& out);
  void send(const Peer& peer, wire::Body body, Actions& out);
  void answer(const ConnectionId& to, const Life& life, wire::Body body, Actions& out) const;
  void reply(const Peer& peer, const ConnectionId& from, wire::Body body, Actions& out);
  void fail(Error error, Actions& out);

  // dialing.cpp
  LinkId open(const std::string& endpoint, Actions& out);
  void hang_up(LinkId link, Actions& out);
  void dial(Peer& peer, Actions& out);
  std::optional<LinkId> free_link_to(const Peer& peer) const;
  void give_link(LinkId link, Peer& peer);
  void redial(Peer& peer, Actions& out);
  void redial(Seed& seed, std::size_t index, Actions& out);
  [[nodiscard]] bool satisfied(const Seed& seed) const;
  void maintain_links(Actions& out);
  void end_calls(Actions& out);
  void abandon(LinkId link, Actions& out);

  // hello.cpp
  [[nodiscard]] wire::Hello own_hello() const;
  void send_hello(LinkId link, Actions& out);
  [[nodiscard]] bool needs_hello(const Link& link) const;
  bool on_hello(const ConnectionId& from, const Life& life, const wire::Hello& hello, Actions& out);
  void introduce(Peer& peer, const ConnectionId& from, const wire::Hello& hello, Actions& out);
  void take_endpoints(Peer& peer, const wire::Hello& hello, Actions& out);
  bool refuse(const ConnectionId& from, const Life& life, std::string_view name, wire::Reject reject,
              Actions& out);
  void warn_one_way(Actions& out);
  void on_one_way(const Link& link, const wire::OneWay& one_way, Actions& out);

  // welcome.cpp
  void on_welcome(LinkId link, const Life& life, const wire::Welcome& welcome, Actions& out);
  void on_own_welcome(LinkId link, const Life& life, Actions& out);
  bool pass_on(LinkId link, const Life& life, const wire::Welcome& welcome, Actions& out);
  void bind(LinkId link, Peer& peer, Actions& out);
  void on_reject(LinkId link, const Life& life, const wire::Reject& reject, Actions& out);
  void mark_replaced(Peer& peer, std::string_view by, Actions& out);

  // heartbeat.cpp
  void send_heartbeat(Peer& peer, Actions& out);
  void on_heartbeat(Peer& peer, const wire::Heartbeat& heartbeat, Actions& out);
  void take_echo(Peer& peer, std::uint64_t echo);
  void stands(const Peer& peer, MonoTime then);
  [[nodiscard]] bool we_hear(const Peer& peer) const;
  [[nodiscard]] bool hears_us(const Peer& peer) const;
  void heard_from(Peer& peer, Actions& out);

  // detection.cpp
  void evaluate(Peer& peer, Actions& out);
  void confirm(Peer& peer, Actions& out);
  void suspect(Peer& peer, Actions& out);
  void die(Peer& peer, Actions& out);
  void mark_dead(Peer& peer, std::string reason) const;
  void revive(Peer& peer, Actions& out);
  void go_down(Peer& peer, Actions& out);
  void follow(Peer& peer, Actions& out);
  void unfollow(Peer& peer, Actions& out);
  [[nodiscard]] bool broken(const Peer& peer) const;
  [[nodiscard]] bool vouched(const Peer& peer) const;
  [[nodiscard]] bool lost(const Peer& peer) const;
  [[nodiscard]] MonoTime silence_deadline(const Peer& peer) const;
  [[nodiscard]] std::string reason_of(const Peer& peer) const;
  void probe(Peer& peer, Actions& out);
  void on_probe(Peer& peer, const ConnectionId& from, const wire::Probe& probe, Actions& out);
  void on_probe_answer(const Peer& peer, const wire::ProbeAnswer& answer, Actions& out);

  // twins.cpp
  [[nodiscard]] bool may_be_alive(const Peer& peer) const;
  bool meet_newer(Peer& peer, Contender newer, Actions& out);
  bool meet_older(Peer& peer, Contender older, Actions& out);
  bool ask_incumbent(Peer& peer, Contender asking, Actions& out);
  void replace(Peer& peer, const Contender& by, Actions& out);
  bool refuse_stale(const Peer& peer, const Contender& contender, Actions& out);
  bool refuse_given_up(const GivenUp& row, const ConnectionId& from, const Life& life, std::string_view name, Actions& out);
  bool meet_own_id(const ConnectionId& from, const Life& life, const wire::Hello& hello, Actions& out);
  void settle_contenders(Actions& out);
  void on_pong(Peer& peer, const wire::Pong& pong, Actions& out);
  void rebirth(Peer& peer, const Life& life, Actions& out);
  void fence(Peer& peer, const ConnectionId& from, const Life& life, Actions& out);
  void on_fenced(const Life& by, const wire::Fenced& fenced, Actions& out);
  void raise_epoch(std::uint64_t known, Actions& out);

  // gossip.cpp
  [[nodiscard]] std::uint64_t digest();
  void send_members(Peer& peer, Actions& out);
  void gossip(Actions& out);
  void compare(Peer& peer, std::uint64_t digest, Actions& out);
  void on_members(Peer& peer, const wire::Members& members, Actions& out);
  void learn(const wire::MemberEntry& entry, Actions& out);
  void learn_unknown(const wire::MemberEntry& entry, Actions& out);
  void call_over(const wire::MemberEntry& entry, Actions& out);
  void learn_known(Peer& peer, const wire::MemberEntry& entry, Actions& out);

  // departure.cpp
  void on_goodbye(Peer& peer, const wire::Goodbye& goodbye, Actions& out);
  void leave(Peer& peer, Actions& out);
  void end_life(Peer& peer, bool clean, std::vector<wire::StreamPosition> heads, Actions& out);
  void forget_peer(Peer& peer, Actions& out);
  void on_forget(const NodeId& id, Actions& out);
  void forget_transients(Actions& out);
  [[nodiscard]] Result<Peer*> resolve(std::string_view name_or_id);

  Options options_;
  const HeartbeatSource& source_;
  base::SeededRandom random_;
  bool started_ = false;
  bool stopped_ = false;  // said goodbye or failed
  MonoTime last_input_{};
  std::chrono::nanoseconds paused_{0};  // all pauses of this node so far
  MonoTime now_{};                      // the input's time without the pauses
  MonoTime next_beat_{};
  MonoTime deadline_{};
  LinkId last_link_ = 0;
  std::map<LinkId, Link> links_;
  std::vector<Seed> seeds_;
  std::map<NodeId, Peer> peers_;
  std::map<NodeId, Contender> contenders_;
  std::map<NodeId, GivenUp> given_up_;
  std::optional<std::pair<std::uint64_t, MonoTime>> old_self_;  // a lower epoch of our id speaks since then
  std::map<std::string, MonoTime> noted_;
  bool digest_stale_ = true;
  std::uint64_t digest_ = 0;
  std::uint64_t digest_told_ = 0;
  std::map<std::string, std::uint64_t> counters_;
};

}  // namespace evmesh::membership
