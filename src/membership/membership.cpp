#include "membership/membership.hpp"

#include <utility>

#include "membership/impl.hpp"

namespace evmesh::membership {

Membership::Membership(Options options, const HeartbeatSource& source, std::uint64_t random_seed)
    : impl_(std::make_unique<Impl>(std::move(options), source, random_seed)) {}

Membership::~Membership() = default;

void Membership::start(MonoTime now, Actions& out) { impl_->start(now, out); }

void Membership::tick(MonoTime now, Actions& out) { impl_->tick(now, out); }

MonoTime Membership::next_deadline() const { return impl_->next_deadline(); }

bool Membership::on_frame(MonoTime now, const ConnectionId& from, const wire::Frame& frame, Actions& out) {
  return impl_->on_frame(now, from, frame, out);
}

void Membership::on_answer(MonoTime now, LinkId link, const wire::Frame& frame, Actions& out) {
  impl_->on_answer(now, link, frame, out);
}

bool Membership::on_published(MonoTime now, const Life& from, Actions& out) {
  return impl_->on_published(now, from, out);
}

void Membership::on_link(MonoTime now, LinkId link, LinkEvent event, Actions& out) {
  impl_->on_link(now, link, event, out);
}

void Membership::goodbye(MonoTime now, bool for_good, std::vector<wire::StreamPosition> heads, Actions& out) {
  impl_->goodbye(now, for_good, std::move(heads), out);
}

Result<void> Membership::forget(MonoTime now, std::string_view name_or_id, Actions& out) {
  return impl_->forget(now, name_or_id, out);
}

bool Membership::settled() const { return impl_->settled(); }

std::vector<std::string> Membership::awaited() const { return impl_->awaited(); }

std::vector<Member> Membership::members(MonoTime now) const { return impl_->members(now); }

std::optional<Life> Membership::current_life(const NodeId& id) const { return impl_->current_life(id); }

const Life& Membership::self() const { return impl_->self(); }

wire::Header Membership::header_for(const Life& to) const { return impl_->header_for(to); }

bool Membership::anyone_absent() const { return impl_->anyone_absent(); }

const std::map<std::string, std::uint64_t>& Membership::counters() const { return impl_->counters(); }

}  // namespace evmesh::membership
