#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "membership/membership.hpp"
#include "routing/routing.hpp"

namespace evmesh::bus {

using base::MonoTime;
using membership::ConnectionId;
using membership::LinkId;
using wire::Life;

/// Put these bytes on a link, in the queue of their class.
struct SendOnLink {
  LinkId link = 0;
  wire::Class frame_class = wire::Class::control;
  std::string bytes;
};
/// Answer with these bytes on a connection somebody opened to us.
struct AnswerOn {
  ConnectionId connection;
  std::string bytes;
};

/// Tell group work of a member.
struct WorkMemberUp {
  Life life;
  std::string name;
  bool transient = false;
};
struct WorkMemberDown {
  Life life;
};
struct WorkLifeEnded {
  Life life;
  bool clean = false;
};
/// Hand a frame to group work.
struct WorkFrame {
  Life from;
  wire::Frame frame;
  wire::Buffer bytes;
};

using CoreAction =
    std::variant<SendOnLink, AnswerOn, WorkMemberUp, WorkMemberDown, WorkLifeEnded, WorkFrame,
                 routing::PublishFrame, routing::Deliver, routing::DeliverGap, routing::Progress,
                 membership::Dial, membership::HangUp, membership::Follow, membership::Unfollow,
                 membership::Gone, membership::RaiseEpoch, membership::Fatal, membership::Note>;
using CoreActions = std::vector<CoreAction>;

/// How much a link can take, by the transport's queues.
class LinkRoom {
 public:
  virtual ~LinkRoom() = default;
  [[nodiscard]] virtual std::uint64_t room_bytes(LinkId link, wire::Class frame_class) const = 0;
};

/// Held while what peers want, or the numbers of this node's streams, are changed, by a core that is told to: then
/// others may look them up with the same lock (`needed`, `match`). May call `accept`.
class ChangeLock {
 public:
  ChangeLock() = default;
  ChangeLock(const ChangeLock&) = delete;
  ChangeLock& operator=(const ChangeLock&) = delete;
  virtual ~ChangeLock() = default;

  virtual void lock() {}
  virtual void unlock() {}
};

struct CoreOptions {
  membership::Options membership;
  routing::Options routing;
  std::uint64_t seed = 0;  ///< of the chance used for jitter and choice
};

/// Membership and routing as one machine: what the engine drives with sockets, and the simulator with a
/// virtual network. Pure, thread-bound to the caller but for `needed` and `match`. Actions are to be done in
/// their order.
class MeshCore final : private membership::HeartbeatSource {
 public:
  MeshCore(CoreOptions options, const routing::ListenerLookup& lookup);

  /// `changes` outlives the core.
  MeshCore(CoreOptions options, const routing::ListenerLookup& lookup, ChangeLock& changes);

  void start(MonoTime now, CoreActions& out);

  // What the transport hears.
  void on_router(MonoTime now, const ConnectionId& from, const wire::Buffer& bytes, CoreActions& out);
  void on_answer(MonoTime now, LinkId link, const wire::Buffer& bytes, CoreActions& out);
  void on_published(MonoTime now, const wire::Buffer& bytes, CoreActions& out);
  /// A peer's subscription to our notification socket is in force, or no longer.
  void on_follower(MonoTime now, const Life& follower, bool active, CoreActions& out);
  void on_link(MonoTime now, LinkId link, membership::LinkEvent event, CoreActions& out);

  /// Does what is due; call at `next_deadline` or earlier.
  void tick(MonoTime now, CoreActions& out);
  [[nodiscard]] MonoTime next_deadline() const;

  /// Cuts frames for whoever has room; call at the end of every turn.
  void pump(MonoTime now, const LinkRoom& room, CoreActions& out);

  // What this node wants of the mesh.
  std::uint64_t change_interest(std::size_t bus, std::span<const RegistrationKey> added,
                                std::span<const RegistrationKey> removed, std::optional<bool> each_node);
  [[nodiscard]] bool needed(std::size_t bus, std::span<const std::uint64_t> hashes) const;
  [[nodiscard]] routing::PeerMask match(std::size_t bus, std::span<const std::uint64_t> hashes) const;
  std::uint64_t accept(MonoTime now, std::size_t bus, routing::Batch batch);
  bool drop_out_of_step(MonoTime now, std::size_t bus, CoreActions& out);
  void ask_reports(MonoTime now, std::size_t bus, CoreActions& out);
  void goodbye(MonoTime now, bool for_good, CoreActions& out);
  Result<void> forget(MonoTime now, std::string_view name_or_id, CoreActions& out);

  /// True once every member learned of is linked both ways with announcements exchanged, or after
  /// `stop_waiting`.
  [[nodiscard]] bool joined() const { return joined_; }
  void stop_waiting();
  /// Whom joining waits for: names or endpoints.
  [[nodiscard]] std::vector<std::string> awaited() const { return membership_.awaited(); }

  /// The member table with what routing knows of each.
  [[nodiscard]] std::vector<Member> members(MonoTime now) const;
  [[nodiscard]] std::string name_of(const NodeId& id) const;
  [[nodiscard]] const Life& self() const { return membership_.self(); }

  /// The link to a member that is up.
  [[nodiscard]] std::optional<LinkId> link_of(const Life& life) const;
  [[nodiscard]] const routing::Routing& routing() const { return routing_; }
  [[nodiscard]] std::map<std::string, std::uint64_t> counters() const;

 private:
  [[nodiscard]] membership::HeartbeatContent content() const override;
  [[nodiscard]] std::vector<wire::StreamPosition> through(const Life& publisher) const override;

  [[nodiscard]] std::optional<wire::Frame> decode(const wire::Buffer& bytes);
  void flush(MonoTime now, CoreActions& out);
  void flush_membership(MonoTime now, CoreActions& out);
  void flush_routing(CoreActions& out);
  void settle(CoreActions& out);

  // One for each membership action that is more than passed on.
  void on(MonoTime now, membership::MemberUp& up, CoreActions& out);
  void on(MonoTime now, const membership::MemberDown& down, CoreActions& out);
  void on(MonoTime now, const membership::LifeEnded& ended, CoreActions& out);

  CoreOptions options_;
  ChangeLock& changes_;
  membership::Membership membership_;
  routing::Routing routing_;
  bool joined_ = false;
  bool absent_ = false;
  std::map<Life, LinkId> links_;  // of members that are up
  std::set<Life> followers_;      // whose barrier topic stands on our notification socket
  std::map<wire::DecodeError, std::uint64_t> undecodable_;
  membership::Actions membership_actions_;  // scratch
  routing::Actions routing_actions_;        // scratch
};

}  // namespace evmesh::bus
