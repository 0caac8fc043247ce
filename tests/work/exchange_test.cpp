#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>

#include <catch2/catch.hpp>

#include "base/random.hpp"
#include "work/distribution_rig.hpp"
#include "work/executor.hpp"

// Owners and executors, joined by a network that delays, cuts and loses.

using namespace evmesh;
using namespace evmesh::work;
using namespace evmesh::work::test;

namespace {

constexpr GroupIndex group = 3;

/// A started run of an obligation, wherever it was.
struct Started {
  std::uint32_t attempt = 1;
  bool ended = false;
  bool done = false;
};

struct Run {
  Job job;
  MonoTime until{};
  std::size_t started = 0;  // in the history of its obligation
};

struct ExecutorNode {
  Life life;
  std::unique_ptr<Executor> executor;
  Around around;
  std::vector<Run> runs;
  bool open = true;  // it runs the group
};

struct OwnerNode {
  std::unique_ptr<DistributionRig> rig;
  std::vector<Run> runs;
  std::uint64_t unsettled = 0;
};

class Exchange {
 public:
  explicit Exchange(std::uint64_t seed) : random_(seed) {
    for (std::uint8_t node = 1; node <= 2; ++node) {
      owners_.push_back(
          {std::make_unique<DistributionRig>(DistributionOptions{}, MachineOptions{.self = node_id(node)}),
           {},
           0});
    }
    owners_[0].rig->distribution.local(owners_[0].rig->mail, 2);
    for (std::uint8_t node = 8; node <= 10; ++node) {
      executors_.emplace_back();
      start(executors_.back(), {node_id(node), 1});
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      trouble();
      if (chance(30)) owe();
      step();
    }
  }
  /// Nothing goes wrong any more, and everything comes to its end.
  void heal() {
    calm_ = true;
    for (ExecutorNode& it : executors_) set_open(it, true);
    for (OwnerNode& owner : owners_) {
      for (ExecutorNode& it : executors_) up(owner, it);
    }
    for (int i = 0; i < 4'000 && owed() > 0; ++i) step();
    for (int i = 0; i < 300; ++i) step();  // what was lost on the way is said again
  }

  [[nodiscard]] std::uint64_t owed() const {
    std::uint64_t sum = 0;
    for (const OwnerNode& it : owners_) sum += it.rig->machine->owed_count();
    return sum;
  }
  void check_quiet() {
    CHECK(owed() == 0);
    for (const OwnerNode& it : owners_) {
      CHECK(it.rig->distribution.outstanding() == 0);
      for (const auto& runner : it.rig->distribution.runners(it.rig->mail)) {
        CHECK(runner.outstanding == 0);
        CHECK(runner.free >= 1);
      }
    }
    for (const ExecutorNode& it : executors_) {
      CHECK(it.executor->running() == 0);
      for (const auto& view : it.executor->custodians()) {
        CHECK(view.queued == 0);
        CHECK(view.verdicts == 0);
      }
    }
  }
  [[nodiscard]] std::uint64_t count(std::uint64_t DistributionCounters::* counter) const {
    std::uint64_t sum = 0;
    for (const OwnerNode& it : owners_) sum += it.rig->distribution.counters().*counter;
    return sum;
  }
  std::uint64_t remote_runs = 0;
  std::vector<std::string> violations;

 private:
  using Link = std::array<std::deque<std::string>, 2>;  // control, and all else

  bool chance(std::uint64_t percent) { return random_.next_u64() % 100 < percent; }
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(random_.next_u64() % count); }

  // What goes wrong.

  void trouble() {
    OwnerNode& owner = owners_[pick(owners_.size())];
    ExecutorNode& it = executors_[pick(executors_.size())];
    if (chance(6)) lose_frames(owner, it);
    if (chance(2)) down(owner, it);
    if (chance(8)) up(owner, it);
    if (chance(1)) restart(it);
    if (chance(2)) set_open(it, !it.open);
  }
  void lose_frames(OwnerNode& owner, ExecutorNode& it) {
    links_.erase({owner_life(owner), it.life});
    if (chance(50)) links_.erase({it.life, owner_life(owner)});
  }
  void down(OwnerNode& owner, ExecutorNode& it) {
    if (!up_.erase({owner_life(owner), it.life})) return;
    owner.rig->distribution.member_down(owner.rig->turn(), it.life);
    it.executor->member_down(owner_life(owner));
    links_.erase({owner_life(owner), it.life});
    links_.erase({it.life, owner_life(owner)});
  }
  void up(OwnerNode& owner, ExecutorNode& it) {
    if (!up_.insert({owner_life(owner), it.life}).second) return;
    owner.rig->distribution.member_up(owner.rig->turn(), it.life, "x");
    it.executor->member_up(it.around.turn(), owner_life(owner));
  }
  void restart(ExecutorNode& it) {
    for (OwnerNode& owner : owners_) {
      lose_frames(owner, it);
      links_.erase({it.life, owner_life(owner)});
      up_.erase({owner_life(owner), it.life});
      owner.rig->distribution.life_ended(owner.rig->turn(), it.life);
    }
    start(it, {it.life.id, it.life.epoch + 1});
  }
  void start(ExecutorNode& it, const Life& life) {
    it.life = life;
    it.runs.clear();
    it.around = {};
    it.around.now = now_;
    it.executor = std::make_unique<Executor>(ExecutorOptions{.self = life, .lease = 24h});
    it.open = false;
    set_open(it, true);
    for (OwnerNode& owner : owners_) up(owner, it);
  }
  void set_open(ExecutorNode& it, bool open) {
    it.open = open;
    it.executor->runs(it.around.turn(), group, owners_[0].rig->hash, open ? 3 : 0);
  }

  // What happens.

  void owe() {
    OwnerNode& owner = owners_[pick(owners_.size())];
    owner.rig->owe(1 + pick(20), event_of_type(chance(20) ? "B" : "A"));
  }
  void step() {
    now_ += 20ms;
    for (OwnerNode& it : owners_) turn(it);
    for (ExecutorNode& it : executors_) turn(it);
    move_frames();
  }
  void turn(OwnerNode& it) {
    DistributionRig& rig = *it.rig;
    rig.advance(20ms);
    if (&it == owners_.data()) run_here(it);
    if (calm_ || chance(30)) rig.settle();
    for (const StoreLetter& letter : rig.asked<StoreLetter>()) {
      rig.machine->letter_stored(rig.now, letter.handle, true, rig.log);
    }
    rig.pump();
    send(owner_life(it), rig.frames);
  }
  void run_here(OwnerNode& it) {
    DistributionRig& rig = *it.rig;
    if (it.runs.size() < 2 && chance(50)) begin(it.runs, rig.take(rig.mail, 1));
    end_some(it.runs, [&](const Run& run) {
      rig.machine->finished(rig.now, wall(100), run.job.handle, {}, rig.log, rig.actions);
      return Ran::Ending::done;
    });
  }
  void turn(ExecutorNode& it) {
    it.around.now = now_;
    Executor& executor = *it.executor;
    if (it.runs.size() < 3) {
      std::vector<Job> jobs;
      executor.take(now_, group, 3 - it.runs.size(), jobs);
      remote_runs += jobs.size();
      begin(it.runs, jobs);
    }
    std::size_t suspects = 0;
    for (const Run& run : it.runs) suspects += run.job.suspect ? 1 : 0;
    if (suspects > 1) violations.emplace_back("two suspects at once");
    end_some(it.runs, [&](const Run& run) {
      Ran ran;
      if (it.life.id == node_id(9) && run.job.event->bytes[27] == 'B') ran.ending = Ran::Ending::unknown_type;
      if (!calm_ && chance(5)) ran.ending = Ran::Ending::failed;
      executor.finished(it.around.turn(), run.job.handle, ran);
      return ran.ending;
    });
    executor.tick(it.around.turn());
    executor.pump(it.around.turn());
    send(it.life, it.around.frames);
  }

  // Every run is looked at when it begins.

  void begin(std::vector<Run>& runs, const std::vector<Job>& jobs) {
    for (const Job& job : jobs) {
      auto& history = history_[job.id];
      for (const Started& earlier : history) {
        const bool may_follow = earlier.ended && !earlier.done && earlier.attempt < job.attempt;
        if (may_follow || job.possibly_duplicate) continue;
        violations.push_back(job.id.to_string() + " runs again unmarked: attempt " +
                             std::to_string(job.attempt) + " after " + std::to_string(earlier.attempt) +
                             (earlier.ended ? " ended" : " open") + (earlier.done ? " done" : "") +
                             (job.foreign ? " away" : " here"));
      }
      history.push_back({job.attempt});
      runs.push_back({job, now_ + std::chrono::milliseconds(1 + pick(60)), history.size() - 1});
    }
  }
  template <class End>
  void end_some(std::vector<Run>& runs, const End& end) {
    std::vector<Run> over;
    std::erase_if(runs, [&](const Run& run) {
      if (run.until > now_) return false;
      over.push_back(run);
      return true;
    });
    for (const Run& run : over) {
      const Ran::Ending ending = end(run);
      Started& it = history_[run.job.id][run.started];
      it.ended = true;
      it.done = ending == Ran::Ending::done;
      if (ending == Ran::Ending::unknown_type) it.attempt = 0;
    }
  }

  // The network.

  [[nodiscard]] static const Life& owner_life(const OwnerNode& it) { return it.rig->self; }

  void send(const Life& from, Frames& frames) {
    for (SendFrame& frame : frames) {
      check_numbers(from, frame);
      const bool control = frame.frame_class == wire::Class::control;
      links_[{from, frame.to}][control ? 0 : 1].push_back(std::move(frame.bytes));
    }
    frames.clear();
  }
  void check_numbers(const Life& from, const SendFrame& frame) {
    const auto decoded = wire::decode(frame.bytes);
    const auto* deliver = decoded ? std::get_if<wire::Deliver>(&decoded->body) : nullptr;
    if (!deliver) return;
    std::uint64_t& next = next_.try_emplace({from, frame.to}, 1).first->second;
    if (deliver->first != next) violations.push_back("delivery " + std::to_string(deliver->first));
    next += deliver->deliveries.size();
  }
  void move_frames() {
    for (auto& [ends, link] : links_) {
      for (auto& queue : link) {
        for (std::size_t left = calm_ ? queue.size() : pick(4); left > 0 && !queue.empty(); --left) {
          arrive(ends.first, ends.second, queue.front());
          queue.pop_front();
        }
      }
    }
  }
  void arrive(const Life& from, const Life& to, const std::string& bytes) {
    const auto frame = wire::decode(bytes);
    if (!frame) return violations.emplace_back("a frame that nobody can read"), void();
    for (OwnerNode& it : owners_) {
      if (owner_life(it) == to && up_.contains({to, from})) to_owner(it, from, *frame);
    }
    for (ExecutorNode& it : executors_) {
      if (it.life == to) to_executor(it, from, *frame);
    }
  }
  static void to_owner(OwnerNode& it, const Life& from, const wire::Frame& frame) {
    std::visit(
        [&](const auto& body) {
          if constexpr (requires { it.rig->distribution.on(it.rig->turn(), from, body); }) {
            it.rig->distribution.on(it.rig->turn(), from, body);
          }
        },
        frame.body);
  }
  static void to_executor(ExecutorNode& it, const Life& from, const wire::Frame& frame) {
    if (const auto* deliver = std::get_if<wire::Deliver>(&frame.body)) {
      it.executor->on(it.around.turn(), from, *deliver, {});
    }
    if (const auto* query = std::get_if<wire::Query>(&frame.body))
      it.executor->on(it.around.turn(), from, *query);
    if (const auto* over = std::get_if<wire::Retired>(&frame.body))
      it.executor->on(it.around.turn(), from, *over);
  }

  base::SeededRandom random_;
  MonoTime now_{1h};
  bool calm_ = false;
  std::vector<OwnerNode> owners_;
  std::vector<ExecutorNode> executors_;
  std::map<std::pair<Life, Life>, Link> links_;
  std::map<std::pair<Life, Life>, std::uint64_t> next_;
  std::set<std::pair<Life, Life>> up_;  // (owner, executor): by the owner's view
  std::map<DispatchId, std::vector<Started>> history_;
};

}  // namespace

TEST_CASE(
    "whatever is lost, delayed or cut, nothing runs twice unmarked, nothing is stuck, and no number is used "
    "twice") {
  std::uint64_t lost = 0;
  std::uint64_t fenced = 0;
  std::uint64_t runs = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Exchange exchange(seed);
    exchange.run(400);

    exchange.heal();

    REQUIRE(exchange.violations == std::vector<std::string>{});
    exchange.check_quiet();
    lost += exchange.count(&DistributionCounters::lost);
    fenced += exchange.count(&DistributionCounters::fenced);
    runs += exchange.remote_runs;
  }
  CHECK(lost > 100);
  CHECK(fenced > 100);
  CHECK(runs > 1'000);
}
