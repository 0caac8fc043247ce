#include "work/core.hpp"

#include <utility>

namespace evmesh::work {

/// The machines and what passes between them.
class Core::Impl {
 public:
  explicit Impl(CoreOptions options) : options_(options), machine_(options.machine) {}

  CoreOptions options_;
  Machine machine_;
  Position synced_ = 0;
};

Core::Core(CoreOptions options) : impl_(std::make_unique<Impl>(options)) {}
Core::~Core() = default;

Machine& Core::machine() { return impl_->machine_; }

void Core::member_up(Turn, const Life&, const Peer&) {}
void Core::member_down(Turn, const Life&) {}
void Core::life_ended(Turn, const Life&, bool) {}
void Core::on_frame(Turn, const Life&, const wire::Frame&, const wire::Buffer&) {}
void Core::pump(Turn, const Room&) {}
bool Core::wants_pump() const { return false; }
void Core::tick(Turn turn) { impl_->machine_.tick(turn.now, turn.log, turn.actions); }
std::optional<MonoTime> Core::next_deadline() const { return impl_->machine_.next_deadline(); }

void Core::appended(const storage::Commit&) {}
void Core::written(Turn turn, Position end) { impl_->machine_.written(end, turn.actions); }
void Core::synced(Turn turn, Position end) {
  impl_->synced_ = end;
  impl_->machine_.synced(end, turn.actions);
}

Result<void> Core::replay(Position position, std::string_view record) {
  return impl_->machine_.replay(position, record);
}
Position Core::oldest() const { return impl_->machine_.oldest(); }
bool Core::carry(Position keep, std::uint64_t bytes, const Machine::Read& read, storage::Commit& log) {
  return impl_->machine_.carry(keep, bytes, read, log);
}
Position Core::safe() const { return impl_->synced_; }
Safety Core::safety(Position end) const { return {.synced = impl_->synced_ >= end, .copies = 0, .wanted = 0, .degraded = false}; }

void Core::runs(Turn, GroupIndex, std::uint32_t) {}
void Core::take(Turn, GroupIndex group, std::size_t max, std::vector<Job>& out) { impl_->machine_.take(group, max, out); }
void Core::give_back(Turn turn, Handle handle) { impl_->machine_.give_back(handle, turn.log, turn.actions); }
void Core::finished(Turn turn, const Job& job, const Ran& ran) {
  impl_->machine_.finished(turn.now, turn.wall, job.handle, ran, turn.log, turn.actions);
}
void Core::loaded(Turn, Handle, std::shared_ptr<const Parcel>, std::string_view) {}
void Core::leave(Turn) {}

}  // namespace evmesh::work
