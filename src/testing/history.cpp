#include "testing/history.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace evmesh::testing {

namespace {

constexpr std::size_t happenings_max = 1'000'000;

constexpr std::array<std::string_view, 14> words{
    "starts", "is killed",  "stops",    "fails", "dispatches",  "refuses",      "hears",
    "a gap",  "runs",       "has done", "fails", "gives up on", "knows not",    "a dead letter of"};

}  // namespace

std::string_view to_string(What what) { return words.at(static_cast<std::size_t>(what)); }

std::string Happening::to_string() const {
  std::array<char, 32> time{};
  std::snprintf(time.data(), time.size(), "%.6f s", static_cast<double>(at.count()) / 1e6);
  std::string line = std::string(time.data()) + "  n" + std::to_string(node) + ' ';
  line += testing::to_string(what);
  const auto say = [&line](std::string_view word, const std::string& value) {
    if (!value.empty()) line.append(" ").append(word).append(value);
  };
  say("", name);
  say("", event_type);
  say("of ", origin);
  if (attempt > 0) line += " attempt " + std::to_string(attempt);
  if (possibly_duplicate) line += " possibly duplicate";
  say("on ", bus);
  say(": ", error);
  return line;
}

void History::add(Happening happening) {
  if (happenings_.size() >= happenings_max) {
    ++left_out_;
    return;
  }
  happenings_.push_back(std::move(happening));
}

std::size_t History::count(What what, std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count_if(happenings_, [&](const Happening& each) {
    return each.what == what && (name.empty() || each.name == name);
  }));
}

std::string History::story() const {
  std::string text;
  for (const Happening& each : happenings_) text += each.to_string() + '\n';
  return text;
}

}  // namespace evmesh::testing
