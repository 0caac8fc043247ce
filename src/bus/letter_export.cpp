// How letters that are too many leave their box.
#include <algorithm>
#include <utility>

#include "bus/letter_box.hpp"
#include "bus/letter_json.hpp"
#include "storage/line_file.hpp"

namespace evmesh::bus {
namespace {

constexpr std::size_t page_letters = 1'000;
constexpr std::uint64_t page_bytes = 16 * limits::mib;

}  // namespace

bool LetterBox::over_bound() const {
  if (in_memory()) return false;
  const std::lock_guard lock(mutex_);
  return all().bytes > bytes_max_;
}

/// Under mutex_: whose oldest letters go; nothing when there are few enough. `but`: of this group none can.
std::optional<LetterBox::Place> LetterBox::to_shrink(const Place& but) const {
  if (all().bytes <= bytes_max_) return std::nullopt;
  const auto& held = store_.held();
  if (grown_ != but && held.contains(grown_)) return grown_;
  const auto most = std::ranges::max_element(held, {}, [&](const auto& each) {
    return each.first == but ? 0 : each.second.bytes;
  });
  return most == held.end() || most->first == but ? std::nullopt : std::optional(most->first);
}

Result<std::uint64_t> LetterBox::export_oldest() {
  std::uint64_t exported = 0;
  Place place;
  Place unreadable;
  for (std::uint64_t after = 0;;) {
    std::vector<Left> left;
    std::unique_lock lock(mutex_);
    const auto next = to_shrink(unreadable);
    if (!next) return exported;
    if (*next != place) after = 0;
    place = *next;
    const std::uint64_t before = after;
    const auto some = export_some(place, after, left);
    if (!some) return some;
    exported += *some;
    lock.unlock();
    if (!left.empty()) told_(left);
    // None is left of it but what no program can read.
    if (after == before) {
      if (!std::exchange(unreadable, place).second.empty()) return exported;
    }
  }
}

/// Under mutex_: the oldest of a group behind number `after`, which moves on; no more than it takes.
Result<std::uint64_t> LetterBox::export_some(const Place& place, std::uint64_t& after,
                                             std::vector<Left>& left) {
  const std::uint64_t excess = all().bytes - bytes_max_;
  const auto rows = store_.page({.bus = place.first, .group = place.second}, after, page_letters,
                                std::min(excess - 1, page_bytes));
  if (!rows) return tl::unexpected(rows.error());
  std::string lines;
  std::vector<DeadLetterId> ids;
  for (const storage::LetterRow& row : *rows) {
    after = row.number;
    auto letter = letter_of(row);
    auto entry = letter ? to_entry(*letter) : Result<DeadLetterEntry>(tl::unexpected(letter.error()));
    if (!entry) continue;
    lines += to_json(*entry) + '\n';
    ids.push_back(row.id);
  }
  if (ids.empty()) return 0;
  if (auto kept = storage::append_lines(directory_ / "dead-letters-exported.jsonl", lines); !kept)
    return tl::unexpected(kept.error());
  auto removed = store_.remove(ids, into(left));
  if (removed) exported_.add(*removed);
  return removed;
}

}  // namespace evmesh::bus
