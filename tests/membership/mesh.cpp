#include "mesh.hpp"

#include <algorithm>

namespace evmesh::membership::test {

namespace {

constexpr std::chrono::milliseconds step{10};

std::string connection_name(std::ptrdiff_t process, LinkId link) {
  return std::to_string(process) + "/" + std::to_string(link);
}

}  // namespace

NodeId id_of(unsigned number) {
  NodeId id;
  id.bytes[0] = 0xaa;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

std::string endpoint_of(const std::string& host) { return "tcp://" + host + ":7000"; }

class Mesh::Plain final : public HeartbeatSource {
 public:
  [[nodiscard]] HeartbeatContent content() const override { return {7, 77, {{0, 42}}}; }
  [[nodiscard]] std::vector<wire::StreamPosition> through(const Life&) const override { return {{0, 9}}; }
};

Mesh::Mesh() : source_(std::make_unique<Plain>()) {}
Mesh::~Mesh() = default;

Process& Mesh::start(const Setup& setup) {
  Options options;
  options.self = {id_of(setup.id), setup.epoch};
  options.name = setup.host;
  options.cluster = "test";
  options.work_endpoint = endpoint_of(setup.host);
  options.publish_endpoint = "tcp://" + setup.host + ":7001";
  options.buses = {"events"};
  for (const std::string& seed : setup.seeds) options.seeds.push_back(endpoint_of(seed));
  if (setup.also) setup.also(options);
  Process& process = *processes_.emplace_back(std::make_unique<Process>());
  process.host = setup.host;
  process.machine = std::make_unique<Membership>(options, *source_, setup.id + setup.epoch);
  for (const auto& other : processes_) {
    if (!other->running) continue;
    for (const auto& [link, endpoint] : std::map(other->links)) {
      if (endpoint == endpoint_of(setup.host)) hint(*other, link, endpoint);
    }
  }
  Actions out;
  process.machine->start(now_, out);
  perform(process, std::move(out));
  deliver();
  return process;
}

void Mesh::run(std::chrono::milliseconds duration) {
  for (const MonoTime end = now_ + duration; now_ < end;) {
    now_ += step;
    tick();
  }
}

void Mesh::tick() {
  for (const auto& process : processes_) {
    if (!process->running || process->paused || process->machine->next_deadline() > now_) continue;
    Actions out;
    process->machine->tick(now_, out);
    perform(*process, std::move(out));
  }
  deliver();
}

void Mesh::kill(Process& process) {
  process.running = false;
  for (const auto& other : processes_) {
    if (!other->running) continue;
    for (const auto& [link, endpoint] : std::map(other->links)) {
      if (endpoint != endpoint_of(process.host) || silent_hosts.contains(process.host)) continue;
      Actions out;
      other->machine->on_link(now_, link, LinkEvent::disconnected, out);
      perform(*other, std::move(out));
      hint(*other, link, endpoint);
    }
  }
  deliver();
}

void Mesh::resume(Process& process) {
  process.paused = false;
  std::ranges::move(process.held, std::back_inserter(on_the_way_));
  process.held.clear();
  deliver();
}

void Mesh::arrive(Process& at, std::function<void()> frame) {
  if (at.paused) {
    at.held.push_back(std::move(frame));
  } else {
    frame();
  }
}

void Mesh::cut_both(const std::string& one, const std::string& other) {
  cut(one, other);
  cut(other, one);
}

bool Mesh::inject(Process& to, const ConnectionId& connection, const Life& from, wire::Kind kind,
                  wire::Body body) {
  const Life& self = to.machine->self();
  const bool hello = kind == wire::Kind::hello;
  const wire::Header header{1, kind, from.id, from.epoch, hello ? NodeId{} : self.id, hello ? 0 : self.epoch};
  Actions out;
  const bool taken = to.machine->on_frame(now_, connection, {header, std::move(body)}, out);
  carry_out(to, std::move(out));
  return taken;
}

void Mesh::carry_out(Process& process, Actions actions) {
  perform(process, std::move(actions));
  deliver();
}

void Mesh::goodbye(Process& process, bool for_good, std::vector<wire::StreamPosition> heads) {
  Actions out;
  process.machine->goodbye(now_, for_good, std::move(heads), out);
  carry_out(process, std::move(out));
  kill(process);
}

Process* Mesh::listening(const std::string& endpoint) {
  for (const auto& process : processes_) {
    if (process->running && endpoint_of(process->host) == endpoint) return process.get();
  }
  return nullptr;
}

/// What a transport would tell of a connection to `endpoint`.
void Mesh::hint(Process& process, LinkId link, const std::string& endpoint) {
  const std::string host = endpoint.substr(6, endpoint.rfind(':') - 6);
  const bool there = listening(endpoint) != nullptr;
  if (silent_hosts.contains(host) || cuts_.contains({process.host, host})) return;
  on_the_way_.emplace_back([this, &process, link, there] {
    if (!process.links.contains(link)) return;
    Actions out;
    process.machine->on_link(now_, link, there ? LinkEvent::connected : LinkEvent::refused, out);
    perform(process, std::move(out));
  });
}

void Mesh::perform(Process& process, Actions actions) {
  for (Action& action : actions) {
    if (const auto* dial = std::get_if<Dial>(&action)) {
      process.links[dial->link] = dial->endpoint;
      hint(process, dial->link, dial->endpoint);
    } else if (const auto* hang_up = std::get_if<HangUp>(&action)) {
      process.links.erase(hang_up->link);
    } else if (auto* send = std::get_if<Send>(&action)) {
      wire::Frame frame{send->header, std::move(send->body)};
      process.sent.push_back(frame);
      on_the_way_.emplace_back([this, &process, link = send->link, frame = std::move(frame)] {
        const auto place = process.links.find(link);
        Process* to = place == process.links.end() ? nullptr : listening(place->second);
        if (to == nullptr || cuts_.contains({process.host, to->host})) return;
        const auto number = std::ranges::find_if(processes_, [&](auto& it) { return it.get() == &process; });
        arrive(*to, [this, to, frame, name = connection_name(number - processes_.begin(), link)] {
          Actions out;
          to->machine->on_frame(now_, name, frame, out);
          perform(*to, std::move(out));
        });
      });
    } else if (auto* answer = std::get_if<Answer>(&action)) {
      wire::Frame frame{answer->header, std::move(answer->body)};
      process.answered.push_back(frame);
      const std::size_t slash = answer->connection.find('/');
      if (slash == std::string::npos) continue;
      Process& to = *processes_.at(std::stoul(answer->connection.substr(0, slash)));
      const auto link = static_cast<LinkId>(std::stoul(answer->connection.substr(slash + 1)));
      on_the_way_.emplace_back([this, &process, &to, link, frame = std::move(frame)] {
        if (!to.running || !to.links.contains(link) || cuts_.contains({process.host, to.host})) return;
        arrive(to, [this, &to, link, frame] {
          Actions out;
          to.machine->on_answer(now_, link, frame, out);
          perform(to, std::move(out));
        });
      });
    } else {
      process.done.push_back(std::move(action));
    }
  }
}

void Mesh::deliver() {
  while (!on_the_way_.empty()) {
    const auto next = std::move(on_the_way_.front());
    on_the_way_.pop_front();
    next();
  }
}

Member row(const Mesh& mesh, const Process& process, const std::string& name) {
  for (Member& member : process.machine->members(mesh.now())) {
    if (member.name == name) return std::move(member);
  }
  throw std::out_of_range("no member " + name);
}

bool knows(const Mesh& mesh, const Process& process, const std::string& name) {
  return std::ranges::any_of(process.machine->members(mesh.now()),
                             [&](const Member& member) { return member.name == name; });
}

std::uint64_t counter(const Process& process, const std::string& name) {
  const auto& counters = process.machine->counters();
  const auto place = counters.find("evmesh_membership_" + name + "_total");
  return place == counters.end() ? 0 : place->second;
}

bool noted(const Process& process, const std::string& message) {
  return std::ranges::any_of(all<Note>(process), [&](const Note& note) { return note.message == message; });
}

}  // namespace evmesh::membership::test
