#include "members.hpp"

#include <utility>

namespace evmesh::sim_group {

using namespace std::chrono_literals;

Members::Members(const Plan& plan, sim::Timeline& timeline, sim::Dice& dice, Totals& totals, Network& network,
                 std::function<Station*(HostIndex)> station)
    : plan_(plan),
      timeline_(timeline),
      dice_(dice),
      totals_(totals),
      network_(network),
      station_(std::move(station)),
      views_(plan.nodes * plan.nodes),
      told_(plan.nodes) {}

void Members::start() {
  timeline_.after(dice_.span(1ms, 250ms), [this] {
    look_around();
    start();
  });
}

void Members::look_around() {
  for (HostIndex observer = 0; observer < plan_.nodes; ++observer) {
    for (HostIndex subject = 0; subject < plan_.nodes; ++subject) {
      if (observer != subject) look(observer, subject);
    }
    tell_gone(observer);
  }
}

/// In the order in which they went, each life of an observer anew.
void Members::tell_gone(HostIndex observer) {
  Station* const by = station_(observer);
  if (by == nullptr || !by->present() || by->frozen() || told_[observer] == gone_.size()) return;
  const Gone& next = gone_[told_[observer]];
  if (timeline_.now() < next.since + 1s || !dice_.chance(0.2)) return;
  ++told_[observer];
  by->gone(next.node);
}

void Members::gone(const NodeId& node) { gone_.push_back({node, timeline_.now()}); }

void Members::look(HostIndex observer, HostIndex subject) {
  Station* const by = station_(observer);
  if (by == nullptr || !by->present() || by->frozen()) return;
  const Station* const at = station_(subject);
  const bool there = at != nullptr && at->present();
  const bool open = !network_.is_cut(observer, subject) && !network_.is_cut(subject, observer);
  View& seen = view(observer, subject);
  if (there && !at->frozen() && open) {
    if (!seen.known || seen.life != at->life()) meet(observer, subject, *by, at->life());
    seen.heard = timeline_.now();
    if (!seen.up && !seen.ended && !std::exchange(seen.coming, true)) {
      timeline_.after(dice_.span(0ns, 200ms),
                      [this, observer, subject, life = seen.life] { come_up(observer, subject, life); });
    }
    return;
  }
  if (!seen.up) return;
  const bool refused = open && (!there || at->life() != seen.life);
  const nanoseconds silence = timeline_.now() - seen.heard;
  if (silence < (refused ? 1s : 3s) + seen.patience) return;
  if (there && at->life() == seen.life) {
    ++false_deaths_;
    totals_.add("thought_dead_and_alive");
  }
  go_down(observer, subject, *by);
}

/// Its HELLO arrived.
void Members::meet(HostIndex observer, HostIndex subject, Station& by, const Life& life) {
  const View old = view(observer, subject);
  if (old.up) go_down(observer, subject, by);
  if (old.known && !old.ended && old.life.id == life.id) by.life_ended(old.life, false);
  View& seen = view(observer, subject);
  seen = View{};
  seen.life = life;
  seen.known = true;
  seen.patience = dice_.span(0ns, 500ms);
}

void Members::come_up(HostIndex observer, HostIndex subject, const Life& life) {
  View& seen = view(observer, subject);
  Station* const by = station_(observer);
  if (!seen.known || seen.life != life || seen.up || seen.ended) return;
  seen.coming = false;
  if (by == nullptr || !by->present() || by->frozen()) return;
  const Station* const at = station_(subject);
  if (at == nullptr || at->life() != life) return;
  // The other has heard of it before.
  if (View& other = view(subject, observer); !other.known || other.life != by->life()) {
    return;
  }
  seen.up = true;
  network_.open(observer, by->life(), subject, life);
  by->member_up(subject, life);
}

void Members::go_down(HostIndex observer, HostIndex subject, Station& by) {
  View& seen = view(observer, subject);
  seen.up = false;
  network_.close(observer, subject);
  by.member_down(seen.life);
}

void Members::forget_views(HostIndex observer) {
  for (HostIndex subject = 0; subject < plan_.nodes; ++subject) view(observer, subject) = View{};
  told_[observer] = 0;
}

void Members::stood_still(HostIndex observer, nanoseconds time) {
  for (HostIndex subject = 0; subject < plan_.nodes; ++subject) view(observer, subject).heard += time;
}

void Members::goodbye(HostIndex observer, const Life& from) {
  Station* const by = station_(observer);
  if (by == nullptr) return;
  for (HostIndex subject = 0; subject < plan_.nodes; ++subject) {
    View& seen = view(observer, subject);
    if (!seen.known || seen.ended || seen.life != from) continue;
    if (seen.up) go_down(observer, subject, *by);
    seen.ended = true;
    by->life_ended(from, true);
  }
}

bool Members::accepts(HostIndex observer, const Life& from) {
  for (HostIndex subject = 0; subject < plan_.nodes; ++subject) {
    const View& seen = view(observer, subject);
    if (!seen.known || seen.life.id != from.id) continue;
    if (seen.life != from || seen.ended) return false;
    if (!seen.up) totals_.add("frame_before_up");
    return true;
  }
  return false;
}

bool Members::settled() const {
  for (HostIndex observer = 0; observer < plan_.nodes; ++observer) {
    for (HostIndex subject = 0; subject < plan_.nodes; ++subject) {
      if (observer == subject) continue;
      if (station_(observer) != nullptr && station_(subject) != nullptr && !view(observer, subject).up)
        return false;
    }
  }
  return true;
}

}  // namespace evmesh::sim_group
