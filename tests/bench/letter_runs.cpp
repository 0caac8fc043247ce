// Runs over many dead letters, through the public API.
#include "letter_runs.hpp"

#include <algorithm>
#include <chrono>
#include <evmesh/evmesh.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "measure.hpp"

namespace bench {
namespace {

using namespace evmesh;

template <class T>
T good(Result<T> result) {
  if (!result) fail(result.error().message);
  return std::move(*result);
}

std::unique_ptr<Node> open_node(const std::string& directory) {
  return good(Node::open({.name = "bench", .buses = {"busy"}, .data_dir = directory, .level = Level::disk}));
}

Timestamp failed_at(std::uint64_t number) { return Timestamp{std::chrono::seconds{1'700'000'000 + number}}; }

std::string letter(std::uint64_t number, bool last) {
  const std::string type = last ? "bench.rare" : "bench.type" + std::to_string(number % 100);
  const std::string error = last ? "a needle" : "connection refused by peer " + std::to_string(number % 7);
  DeadLetterEntry entry{
      .letter = {.id = DeadLetterId::fresh(),
                 .group = good(Group::parse("group" + std::to_string(number % 10))),
                 .event = Event({.type = type, .user = "bob", .payload = std::string(payload_bytes, 'x')}),
                 .keys = {},
                 .attempts = {{1, failed_at(number), {}, error}}},
      .bus = "busy",
      .number = number,
      .dispatch = {},
      .returns = 0,
      .accepted = failed_at(number)};
  entry.dispatch.epoch = entry.dispatch.seq = number;
  return to_json(entry) + '\n';
}

}  // namespace

void bury(const std::string& directory, std::uint64_t letters) {
  const auto node = open_node(directory);
  std::string lines;
  for (std::uint64_t number = 1; number <= letters; ++number) {
    lines += letter(number, number == letters);
    if (number % 1'000 != 0 && number != letters) continue;
    good(node->group_work().import_dead_letters(lines));
    lines.clear();
  }
  require(good(node->group_work().count_dead_letters({})) == letters, "letters are missing");
  node->stop();
}

Pages pages(const std::string& directory) {
  Pages figures;
  const auto start = nanoseconds();
  const auto node = open_node(directory);
  figures.open_seconds = static_cast<double>(nanoseconds() - start) / 1e9;
  const std::uint64_t count = good(node->group_work().count_dead_letters({}));
  const auto page_ms = [&](const DeadLetterFilter& filter, std::uint64_t after, std::size_t expected) {
    std::vector<std::uint64_t> samples;
    for (int round = 0; round < 5; ++round) {
      const auto begun = nanoseconds();
      const auto page = good(node->group_work().dead_letters(filter, after, 100));
      samples.push_back(nanoseconds() - begun);
      require(page.items.size() == expected, "a page of " + std::to_string(page.items.size()) + " letters");
    }
    return median_us(std::move(samples)) / 1'000;
  };
  figures.page_ms = std::max({page_ms({}, 0, 100), page_ms({}, count / 2, 100), page_ms({}, count - 100, 100),
                              page_ms({.bus = "busy", .group = "group3"}, count / 2, 100),
                              page_ms({.type = "bench.type99"}, count / 2, 100),
                              page_ms({.type = "bench.rare"}, 0, 1), page_ms({.text = "refused"}, 0, 100),
                              page_ms({.since = failed_at(count - 50)}, 0, 51),
                              page_ms({.since = failed_at(count / 2)}, 0, 100),
                              page_ms({.until = failed_at(count / 2)}, 0, 100)});
  figures.match_ms = page_ms({.text = "a needle"}, 0, 1);
  node->stop();
  return figures;
}

}  // namespace bench
