// One life of a node with durable group work, as an application would write it,
// with a ledger of all it is told. Reads orders from standard input, one word a
// line; SIGTERM and the end of input stop it politely.
//
//     dump      writes the dead letters into the ledger
//     letters   writes how many dead letters the mesh has, and who was not reached
//     redeliver redelivers all of them, and writes how many when that is over
//     halt      dispatches nothing more
//     release   lets go of what a listener holds
//     quit      stops the node
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include <evmesh/evmesh.hpp>

#include "group_listener.hpp"
#include "ledger.hpp"
#include "plan.hpp"

namespace evmesh::durable {
namespace {

class Worker {
 public:
  explicit Worker(const Plan& plan)
      : plan_(plan),
        ledger_(plan.ledger, plan.life, plan.stamps != 0),
        shared_(plan.quiet != 0 ? plan.count * plan.groups : 0) {
    if (::pipe2(orders_, O_CLOEXEC) != 0) std::exit(71);
  }

  /// 0 after a polite end, 3 when the node could not be opened.
  int live() {
    ledger_.line("begin " + std::to_string(::getpid()));
    if (!open()) return 3;
    start_dispatching();
    if (plan_.quit != 0) {
      join();
      shared_.wait_ended(accepted_ * plan_.groups);
    } else {
      obey();
      shared_.release();
      given_up_ = true;
      join();
    }
    stop();
    return 0;
  }

 private:
  bool open() {
    NodeOptions options;
    options.name = std::filesystem::path(plan_.directory).filename();  // differs within a cluster
    options.data_dir = plan_.directory;
    options.level = level();
    if (plan_.asynchronous != 0) options.delivery = DeliveryModel::asynchronous;
    if (plan_.mesh != 0) {
      options.mode = Mode::broadcast;
      options.listen = plan_.listen.empty() ? "tcp://127.0.0.1:0" : plan_.listen;
      options.insecure = true;  // the networks of tests are their own
      options.seeds = words_of(plan_.seed);
    }
    options.journal_reserve_bytes = plan_.reserve_bytes;
    options.on_fatal = [this](const Error& error) { fatal(error); };
    auto node = Node::open(std::move(options));
    if (!node) {
      ledger_.line("closed " + std::string(to_string(node.error().code)) + ' ' + node.error().message);
      return false;
    }
    node_ = std::move(*node);
    const NodeStatus status = node_->status();
    ledger_.line("open " + std::to_string(status.epoch) + ' ' + status.listen);
    for (std::uint64_t number = 0; number < plan_.groups; ++number) {
      const std::string name = "g" + std::to_string(number);
      if (plan_.runs.empty() || runs(name)) register_group(name);
    }
    return true;
  }

  [[nodiscard]] Level level() const {
    for (const Level level : {Level::memory, Level::disk, Level::replicated}) {
      if (to_string(level) == plan_.level) return level;
    }
    std::cerr << "no level: " << plan_.level << '\n';
    std::exit(64);
  }

  [[nodiscard]] static std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream rest(text);
    for (std::string word; std::getline(rest, word, ',');) words.push_back(word);
    return words;
  }

  [[nodiscard]] bool runs(const std::string& group) const {
    const auto words = words_of(plan_.runs);
    return std::find(words.begin(), words.end(), group) != words.end();
  }

  void register_group(const std::string& name) {
    GroupOptions options;
    options.retry = {
        .max_retries = 8, .first = std::chrono::milliseconds{5}, .cap = std::chrono::milliseconds{40}};
    options.concurrency = static_cast<std::uint32_t>(plan_.concurrency);
    auto listener = std::make_shared<GroupListener>(name, plan_, ledger_, shared_);
    auto registration =
        node_->bus().register_listener(std::move(listener), Group::parse(name).value(), options);
    if (!registration) {
      std::cerr << registration.error().message << '\n';
      std::exit(70);
    }
    registrations_.push_back(std::move(*registration));
  }

  [[nodiscard]] bool knows_all_groups() const {
    const auto known = node_->group_work().groups();
    return known && static_cast<std::uint64_t>(std::count_if(
                        known->begin(), known->end(), [](const auto& group) { return group.required; })) >=
                        plan_.groups;
  }

  void start_dispatching() {
    for (std::uint64_t thread = 0; thread < plan_.threads; ++thread) {
      threads_.emplace_back([this, thread] {
        while (plan_.all_groups != 0 && !given_up_ && !knows_all_groups()) shared_.breathe();
        const auto begin = std::chrono::steady_clock::now();
        for (std::uint64_t at = thread; at < plan_.count && !given_up_; at += plan_.threads) {
          if (plan_.rate != 0)
            std::this_thread::sleep_until(begin + std::chrono::microseconds(at * 1'000'000 / plan_.rate));
          dispatch(plan_.from + at);
        }
        if (++finished_ == plan_.threads) ledger_.line("sent");
      });
    }
  }

  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  [[nodiscard]] Event event_of(std::uint64_t number) const {
    std::string payload = std::to_string(number) + ' ';
    payload.resize(std::max<std::size_t>(payload.size(), plan_.payload_bytes), 'x');
    return Event({.type = "numbered", .payload = std::move(payload)});
  }

  void dispatch(std::uint64_t number) {
    if (plan_.async_every != 0 && number % plan_.async_every == 0) return dispatch_async(number);
    for (;;) {
      const auto result = node_->bus().dispatch(event_of(number));
      if (result) ++accepted_;
      note(number, result);
      if (result || plan_.persist == 0 || given_up_) return;
      if (result.error().code == ErrorCode::unknown_outcome || result.error().code == ErrorCode::node_failed)
        return;
      shared_.breathe();
    }
  }

  /// What the queue has no room for is tried again when the plan says so.
  void dispatch_async(std::uint64_t number) {
    const auto done = [this, number](const Result<Receipt>& result) { note(number, result); };
    for (;;) {
      const auto begun = node_->bus().dispatch_async(event_of(number), {}, done);
      if (begun) ++accepted_;
      if (!begun) note(number, tl::unexpected(begun.error()));
      if (begun || plan_.persist == 0 || given_up_ || begun.error().code != ErrorCode::busy) return;
      shared_.breathe();
    }
  }

  void note(std::uint64_t number, const Result<Receipt>& result) {
    if (result && plan_.quiet != 0) return;
    if (result) {
      return ledger_.line("receipt " + std::to_string(number) + ' ' + result->dispatch.to_string() +
                          (result->degraded ? " degraded" : ""));
    }
    const auto code = result.error().code;
    const bool unknown = code == ErrorCode::unknown_outcome;
    if (!unknown && plan_.persist != 0 && code == last_refused_.exchange(code)) return;
    ledger_.line((unknown ? "unknown " : "refused ") + std::to_string(number) + ' ' +
                 std::string(to_string(code)) + ' ' + result.error().message);
  }

  void fatal(const Error& error) {
    ledger_.line("fatal " + std::string(to_string(error.code)) + ' ' + error.message);
    if (plan_.reopen == 0) return;
    // Not from the node's own thread: it is asked for through the orders.
    if (::write(orders_[1], "reopen\n", 7) != 7) std::exit(70);
  }

  void reopen() {
    given_up_ = true;
    join();
    registrations_.clear();
    node_.reset();
    given_up_ = false;
    if (!open()) std::exit(3);
    ledger_.line("reopened");
  }

  void dump() {
    std::uint64_t count = 0;
    DeadLetters& letters = node_->bus().dead_letters();
    const auto groups = letters.groups();
    for (const Group& group : groups.value()) {
      const auto ids = letters.ids(group);
      for (const DeadLetterId& id : ids.value()) {
        const auto letter = letters.find(group, id);
        if (!letter || !*letter) continue;
        const auto& attempts = (*letter)->attempts;
        ledger_.line("dead " + group.to_string() + ' ' + std::to_string(number_of((*letter)->event)) + ' ' +
                     id.to_string() + ' ' + (attempts.empty() ? std::string("none") : attempts.back().error));
        ++count;
      }
    }
    ledger_.line("dumped " + std::to_string(count));
  }

  void count_letters() {
    const auto count = node_->mesh_work().count_dead_letters({});
    ledger_.line(count ? "letters " + std::to_string(count->value) + ' ' +
                             std::to_string(count->unreached.size())
                       : "letters none " + count.error().message);
  }

  void redeliver() {
    const auto begun = node_->mesh_work().redeliver({});
    const auto task = begun ? node_->mesh_work().wait_task(begun->value.id, std::chrono::minutes{1}) : begun;
    ledger_.line(task ? "redelivered " + std::to_string(task->value.redelivered) + ' ' +
                            std::to_string(task->value.failed)
                      : "redelivered none " + task.error().message);
  }

  /// Until it is told to stop.
  void obey() {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    const int signals = ::signalfd(-1, &term, SFD_CLOEXEC);
    std::string text;
    for (bool on = true; on;) {
      pollfd sources[] = {{signals, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}, {orders_[0], POLLIN, 0}};
      if (::poll(sources, 3, -1) < 0) continue;
      if ((sources[0].revents & POLLIN) != 0) break;
      for (const pollfd& source : {sources[1], sources[2]}) {
        if (source.revents == 0) continue;
        char piece[256];
        const ssize_t count = ::read(source.fd, piece, sizeof(piece));
        if (count <= 0) on = false;
        text.append(piece, count > 0 ? static_cast<std::size_t>(count) : 0);
      }
      for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
        on = carry_out(text.substr(0, end)) && on;
        text.erase(0, end + 1);
      }
    }
    ::close(signals);
  }

  bool carry_out(const std::string& order) {
    if (order == "dump") dump();
    if (order == "letters") count_letters();
    if (order == "redeliver") redeliver();
    if (order == "release") shared_.release();
    if (order == "halt") given_up_ = true;
    if (order == "reopen") reopen();
    return order != "quit";
  }

  void stop() {
    node_->stop();
    if (plan_.quiet != 0) {
      const auto [once, more] = shared_.once_and_more();
      ledger_.line("sums " + std::to_string(accepted_) + ' ' + std::to_string(shared_.runs) + ' ' +
                   std::to_string(shared_.duplicates) + ' ' + std::to_string(once) + ' ' +
                   std::to_string(more));
    }
    ledger_.line("stopped");
    registrations_.clear();
    node_.reset();
  }

  const Plan plan_;
  Ledger ledger_;
  Shared shared_;
  std::unique_ptr<Node> node_;
  std::vector<Registration> registrations_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> finished_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<bool> given_up_{false};
  std::atomic<ErrorCode> last_refused_{ErrorCode::closed};
  int orders_[2] = {-1, -1};  // a pipe, for orders that the worker gives itself
};

}  // namespace
}  // namespace evmesh::durable

int main(int argument_count, char** arguments) {
  // Blocked in all threads, so that the one that waits for it gets it.
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);
  return evmesh::durable::Worker(evmesh::durable::read_plan(argument_count, arguments)).live();
}
