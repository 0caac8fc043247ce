// Notifications through a NATS server, by its text protocol over a plain socket; scripts/bench --compare nats.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker_runs.hpp"
#include "flusher.hpp"
#include "shared_flow.hpp"

namespace bench {
namespace {

/// A client's connection. Thread-bound, but for writing, which another thread may do.
class Nats {
 public:
  explicit Nats(int port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "cannot connect to the NATS server");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    write("CONNECT {\"verbose\":false,\"pedantic\":false,\"name\":\"bench\",\"lang\":\"c\",\"version\":\"1\"}\r\n");
  }
  ~Nats() { ::close(fd_); }
  Nats(const Nats&) = delete;
  Nats& operator=(const Nats&) = delete;

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t count = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      require(count > 0, "the NATS server closed the connection");
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// Calls `each` with the payloads that have come, or that come within 100 ms.
  template <class Each>
  void read(Each each) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, 100) <= 0) return;
    const std::size_t held = in_.size();
    in_.resize(held + chunk);
    const ssize_t count = ::recv(fd_, in_.data() + held, chunk, 0);
    require(count > 0, "the NATS server closed the connection");
    in_.resize(held + static_cast<std::size_t>(count));
    std::string_view left = in_;
    while (take(left, each)) {
    }
    in_.erase(0, in_.size() - left.size());
  }

 private:
  static constexpr std::size_t chunk = 64 << 10;

  /// Takes one whole message off `left`; false when there is none.
  template <class Each>
  bool take(std::string_view& left, Each& each) {
    const auto end = left.find("\r\n");
    if (end == std::string_view::npos) return false;
    const std::string_view line = left.substr(0, end);
    std::size_t size = 0;
    if (line.starts_with("MSG ")) {
      const std::string_view number = line.substr(line.rfind(' ') + 1);
      std::from_chars(number.data(), number.data() + number.size(), size);
      if (left.size() < end + 2 + size + 2) return false;
      each(left.substr(end + 2, size));
      size += 2;
    } else if (line == "PING") {
      write("PONG\r\n");
    } else {
      require(!line.starts_with("-ERR"), "the NATS server says " + std::string(line));
    }
    left.remove_prefix(end + 2 + size);
    return true;
  }

  int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string in_;
};

void receive(Board& board, const Course& course, int port, std::size_t number) {
  Nats nats(port);
  std::string wishes;
  const std::uint64_t first = course.all() ? 0 : number;
  const auto add = [&](std::uint64_t key) { wishes += "SUB " + key_of(key) + ' ' + std::to_string(key + 1) + "\r\n"; };
  for (std::uint64_t key = first + course.receivers; key < course.keys; key += course.receivers) add(key);
  add(first);  // the one that is asked for before the run
  nats.write(wishes);
  while (!board.ending) nats.read([&](std::string_view payload) { board.note(number, payload, course); });
}

NotifyFigures nats_notify(int port, const Course& course) {
  Board& board = shared_board();
  Workers receivers(static_cast<unsigned>(course.receivers), [&](unsigned number) { receive(board, course, port, number); });
  std::vector<std::string> heads;
  for (std::uint64_t key = 0; key < course.keys; ++key)
    heads.push_back("PUB " + key_of(key) + ' ' + std::to_string(payload_bytes) + "\r\n");
  const Nats nats(port);
  std::string out;
  Flusher flusher([&](const std::vector<Flusher::Item>& items) {
    out.clear();
    for (const auto& [key, payload] : items) out.append(heads[key]).append(payload).append("\r\n");
    nats.write(out);
  });
  const auto figures = run_course(board, course, [&](std::uint64_t key, std::string payload) {
    flusher.add(key, std::move(payload));
  });
  board.ending = true;
  receivers.join();
  return figures;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::broker_main(argc, argv, bench::nats_notify, nullptr); }
