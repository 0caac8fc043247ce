#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "membership/membership.hpp"

namespace evmesh::membership::test {

using namespace std::chrono_literals;

[[nodiscard]] NodeId id_of(unsigned number);
[[nodiscard]] std::string endpoint_of(const std::string& host);

/// One process: a machine, and what it asked for so far.
struct Process {
  std::string host;
  std::unique_ptr<Membership> machine;
  std::map<LinkId, std::string> links;  // open DEALERs and where they lead
  Actions done;                         // all but Dial, HangUp, Send and Answer
  std::vector<wire::Frame> sent;        // by Send
  std::vector<wire::Frame> answered;    // by Answer
  bool running = true;
  bool paused = false;
  std::deque<std::function<void()>> held;  // arrived while it was paused
};

/// How a process differs from a plain broadcast node of the cluster "test".
struct Setup {
  std::string host;
  unsigned id = 0;
  std::uint64_t epoch = 1'000;
  std::vector<std::string> seeds{};  // hosts
  std::function<void(Options&)> also{};
};

/// Machines that pass frames to each other without delay, under a time that only `run` moves. A host that
/// runs no process refuses connections, unless `silent_hosts` names it.
class Mesh {
 public:
  Mesh();
  ~Mesh();
  Mesh(const Mesh&) = delete;
  Mesh& operator=(const Mesh&) = delete;

  Process& start(const Setup& setup);
  void run(std::chrono::milliseconds duration);
  void kill(Process& process);

  /// Stops a process as SIGSTOP does: what arrives waits. `resume` lets it go on.
  void pause(Process& process) { process.paused = true; }
  void resume(Process& process);

  /// Frames from `from` to `to` are lost from now on, one way.
  void cut(const std::string& from, const std::string& to) { cuts_.emplace(from, to); }
  void cut_both(const std::string& one, const std::string& other);
  void heal() { cuts_.clear(); }

  /// Gives a frame to `to` as if it came from `connection`.
  bool inject(Process& to, const ConnectionId& connection, const Life& from, wire::Kind kind,
              wire::Body body);
  /// Does what a machine asked for in a call that the test made itself.
  void carry_out(Process& process, Actions actions);
  void goodbye(Process& process, bool for_good, std::vector<wire::StreamPosition> heads);

  [[nodiscard]] MonoTime now() const { return now_; }

  std::set<std::string> silent_hosts;

 private:
  struct Way;
  class Plain;

  void perform(Process& process, Actions actions);
  void deliver();
  void arrive(Process& at, std::function<void()> frame);
  void tick();
  Process* listening(const std::string& endpoint);
  void hint(Process& process, LinkId link, const std::string& endpoint);

  std::unique_ptr<Plain> source_;
  MonoTime now_{std::chrono::hours{1}};
  std::vector<std::unique_ptr<Process>> processes_;
  std::deque<std::function<void()>> on_the_way_;
  std::set<std::pair<std::string, std::string>> cuts_;
};

[[nodiscard]] Member row(const Mesh& mesh, const Process& process, const std::string& name);
[[nodiscard]] bool knows(const Mesh& mesh, const Process& process, const std::string& name);
/// The value of evmesh_membership_`name`_total.
[[nodiscard]] std::uint64_t counter(const Process& process, const std::string& name);

/// The actions of one kind, in order.
template <class T>
[[nodiscard]] std::vector<T> all(const Process& process) {
  std::vector<T> found;
  for (const Action& action : process.done) {
    if (const T* it = std::get_if<T>(&action)) found.push_back(*it);
  }
  return found;
}

/// The bodies of one kind among `frames`, in order.
template <class T>
[[nodiscard]] std::vector<T> bodies(const std::vector<wire::Frame>& frames) {
  std::vector<T> found;
  for (const wire::Frame& frame : frames) {
    if (const T* it = std::get_if<T>(&frame.body)) found.push_back(*it);
  }
  return found;
}

/// Whether a log line `message` was written.
[[nodiscard]] bool noted(const Process& process, const std::string& message);

}  // namespace evmesh::membership::test
