#include "notify_board.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <new>
#include <vector>

#include "shared_flow.hpp"

namespace bench {
namespace {

constexpr std::uint64_t ahead_max = 8'192;
constexpr double warm_up_seconds = 0.5;

std::uint64_t loopback_bytes() {
  std::ifstream devices("/proc/net/dev");
  for (std::string line; std::getline(devices, line);) {
    if (const auto at = line.find("lo:"); at != std::string::npos) return std::stoull(line.substr(at + 3));
  }
  return 0;
}

void wait_ready(Board& board, const Course& course, const Publish& publish) {
  const auto patience = nanoseconds() + 20'000'000'000;
  while (!board.ready(course)) {
    require(nanoseconds() < patience, "a receiver never became ready");
    for (std::uint64_t key = 0; key < std::min<std::uint64_t>(course.receivers, course.keys); ++key)
      publish(key, stamped(probe));
    Shared::rest();
  }
}

/// Waits while the receivers are too far behind.
void hold(const Board& board, const Course& course, std::uint64_t sent, std::uint64_t& known) {
  if (sent - known < ahead_max) return;
  known = board.delivered(course);
  if (sent - known < ahead_max) return;
  const auto patience = nanoseconds() + 5'000'000'000;
  while (sent - (known = board.delivered(course)) > ahead_max / 2) {
    require(nanoseconds() < patience, "an event was lost");
    Shared::nap();
  }
}

void wait_for_last(const Board& board, const Course& course, std::uint64_t sent) {
  const auto patience = nanoseconds() + 10'000'000'000;
  while (board.delivered(course) < sent && nanoseconds() < patience) Shared::nap();
  require(board.delivered(course) == sent, "events were lost or came twice");
  for (std::size_t number = 0; number < course.receivers; ++number)
    require(board.receivers[number].misplaced == 0, "events came out of order");
}

void add_latency(const Board& board, const Course& course, NotifyFigures& figures) {
  std::vector<std::uint64_t> all;
  for (std::size_t number = 0; number < course.receivers; ++number) {
    const Board::Receiver& from = board.receivers[number];
    all.insert(all.end(), from.waited_ns.begin(), from.waited_ns.begin() + static_cast<std::ptrdiff_t>(from.samples));
  }
  if (all.empty()) return;
  std::ranges::sort(all);
  figures.p50_us = static_cast<double>(all[all.size() / 2]) / 1'000;
  figures.p99_us = static_cast<double>(all[all.size() * 99 / 100]) / 1'000;
}

}  // namespace

std::string key_of(std::uint64_t number) {
  std::string key = "Bench:" + std::to_string(number);
  key.resize(key_bytes, '_');
  return key;
}

void Board::note(std::size_t number, std::string_view payload, const Course& course) {
  Receiver& self = receivers[number];
  const Stamp stamp = stamp_of(payload);
  if (stamp.number == probe) return self.ready.store(true);
  if (course.per_second > 0 && self.samples < self.waited_ns.size())
    self.waited_ns[self.samples++] = nanoseconds() - stamp.made;
  if (course.all() ? stamp.number != self.expected : stamp.number < self.expected) ++self.misplaced;
  self.expected = stamp.number + 1;
  self.received.fetch_add(1, std::memory_order_release);
}

std::uint64_t Board::delivered(const Course& course) const {
  std::uint64_t least = ~std::uint64_t{0};
  std::uint64_t sum = 0;
  for (std::size_t number = 0; number < course.receivers; ++number) {
    const auto received = receivers[number].received.load(std::memory_order_acquire);
    least = std::min(least, received);
    sum += received;
  }
  return course.all() ? least : sum;
}

bool Board::ready(const Course& course) const {
  return std::all_of(receivers.begin(), receivers.begin() + static_cast<std::ptrdiff_t>(course.receivers),
                     [](const Receiver& each) { return each.ready.load(); });
}

Board& shared_board() {
  void* const memory = ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "no shared memory");
  return *new (memory) Board;
}

NotifyFigures run_course(Board& board, const Course& course, const Publish& publish) {
  wait_ready(board, course, publish);
  Shared::rest();
  std::uint64_t sent = 0;
  std::uint64_t known = 0;
  std::uint64_t random = 88'172'645'463'325'252;
  const auto publish_for = [&](double seconds) {
    const auto start = nanoseconds();
    const auto end = start + static_cast<std::uint64_t>(seconds * 1e9);
    for (std::uint64_t here = 0; here % 32 != 0 || nanoseconds() < end; ++here, ++sent) {
      if (course.per_second > 0) sleep_until(start + static_cast<std::uint64_t>(static_cast<double>(here) * 1e9 / course.per_second));
      hold(board, course, sent, known);
      random ^= random << 13U, random ^= random >> 7U, random ^= random << 17U;
      publish(random % course.keys, stamped(sent));
    }
  };
  publish_for(warm_up_seconds);
  wait_for_last(board, course, sent);
  for (Board::Receiver& receiver : board.receivers) receiver.samples = 0;
  const auto before = sent;
  const auto bytes = loopback_bytes();
  const auto start = nanoseconds();
  publish_for(course.seconds);
  wait_for_last(board, course, sent);
  const auto count = static_cast<double>(sent - before);
  NotifyFigures figures;
  figures.rate = count * 1e9 / static_cast<double>(nanoseconds() - start);
  figures.wire_bytes = static_cast<double>(loopback_bytes() - bytes) / count;
  add_latency(board, course, figures);
  return figures;
}

}  // namespace bench
