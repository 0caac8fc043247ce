#include <algorithm>
#include <utility>

#include "bus/work_engine.hpp"

// The dead letters of this node for those who keep copies of its journal.

namespace evmesh::bus {

using work::Actions;

namespace {

constexpr std::size_t page_letters = 256;
constexpr std::uint64_t page_bytes = 32 * limits::kib;

}  // namespace

bool WorkEngine::copies_letters() const {
  return durable() && services_.nudge && settings_.level == Level::replicated;
}

/// Under mutex_: as work::ReadLetters. What is not at hand is asked for.
std::optional<work::LetterPage> WorkEngine::letters_behind(std::uint64_t after) {
  if (!copies_letters()) return work::LetterPage{};
  if (!page_ || page_->after != after) {
    page_wanted_ = after;
    letter_work_.notify_one();
    return std::nullopt;
  }
  work::LetterPage page{.records = {}, .last = page_->last, .more = page_->more};
  for (const CopiedLetter& each : page_->letters) {
    if (!machine_.owes(each.name)) page.records.push_back(each.record);
  }
  return page;
}

/// On the letters' thread. Of more than the guardians keep the newest are sent; what was never accepted, so
/// that no record of the journal makes it again, is not.
void WorkEngine::read_letters(std::uint64_t after) {
  Result<std::uint64_t> from = after;
  if (after == 0)
    from = letters_->start_of_newest(limits::copied_letters_max, limits::copied_letters_bytes_max);
  auto letters = from ? letters_->page({}, *from, page_letters, page_bytes)
                      : Result<std::vector<Letter>>(tl::unexpected(from.error()));
  if (!letters && services_.log)
    services_.log({LogLevel::error, "dead_letters_not_copied", {{"error", letters.error().message}}});
  CopiedPage page{.after = after, .letters = {}, .last = after, .more = letters && !letters->empty()};
  if (page.more) page.last = letters->back().number;
  for (const Letter& letter : letters ? *letters : std::vector<Letter>{}) {
    if (auto copied = bus::copied(letter, settings_.self)) page.letters.push_back(std::move(*copied));
  }
  Lock lock(mutex_);
  std::erase_if(page.letters,
                [this](const CopiedLetter& each) { return left_while_reading_.contains(each.id); });
  left_while_reading_.clear();
  page_ = std::move(page);
  Actions actions;
  core_.told(turn(actions));  // whoever waits for it goes on
  after_change(lock, actions);
}

/// No copy is to bring them back. On the thread that took them out of the store.
void WorkEngine::letters_left(std::span<const LetterBox::Left> left) {
  if (!copies_letters()) return;
  Lock lock(mutex_);
  for (const LetterBox::Left& each : left) {
    if (page_wanted_ || reading_letters_) left_while_reading_.insert(each.id);
    if (page_)
      std::erase_if(page_->letters, [&](const CopiedLetter& letter) { return letter.id == each.id; });
    make_room_in_commit(lock);
    if (failure_ || stalled_) return;
    machine_.forget_letter(each.name, pending_);
  }
  Actions actions;
  after_change(lock, actions);
}

/// Guardians leave the oldest out when there are more letters than they keep: said once, and counted.
void WorkEngine::count_uncopied(std::uint64_t kept) {
  if (!copies_letters() || kept == 0) return;
  const storage::StateStore::Held held = letters_->held_in_all();
  if (held.letters <= limits::copied_letters_max && held.bytes <= limits::copied_letters_bytes_max) return;
  uncopied_.add(kept);
  if (!services_.log || std::exchange(said_uncopied_, true)) return;
  services_.log({LogLevel::warning,
                 "dead_letters_uncopied",
                 {{"letters", std::to_string(held.letters)}, {"bytes", std::to_string(held.bytes)}}});
}

}  // namespace evmesh::bus
