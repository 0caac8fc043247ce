#include <algorithm>
#include <span>
#include <utility>

#include "bus/work_engine.hpp"
#include "wire/event_codec.hpp"

namespace evmesh::bus {

using work::Actions;

namespace {

/// The store is read again in slices, one after the other until all is verified, and then after a rest.
constexpr std::uint64_t scrub_bytes = 256 * limits::kib;
constexpr std::chrono::milliseconds scrub_pause{50};
constexpr std::chrono::milliseconds scrub_rest{60'000};

/// Calls `take` with all of `asked`, never with more than goes into one commit of letters.
template <class Asked, class Take>
void in_pieces(const std::vector<Asked>& asked, const Take& take) {
  constexpr std::size_t piece_max = 1'000;
  for (std::span<const Asked> rest(asked); !rest.empty();) {
    const std::size_t count = std::min(rest.size(), piece_max);
    take(rest.first(count));
    rest = rest.subspan(count);
  }
}

}  // namespace

/// The letters' own thread: their store syncs each change, and nothing else must wait for it.
void WorkEngine::keep_letters() {
  const auto asked = [this] { return stopping_ || failure_ || !nothing_to_keep(); };
  for (auto next_look = std::chrono::steady_clock::now() + scrub_pause;;) {
    Lock lock(mutex_);
    if (!letter_work_.wait_until(lock, next_look, asked)) {
      lock.unlock();
      next_look = std::chrono::steady_clock::now() + look_after_letters();
      continue;
    }
    if (failure_ || nothing_to_keep()) return letters_done_.notify_all();
    keeping_letters_ = true;
    const auto to_store = std::exchange(letters_to_store_, {});
    const auto to_remove = std::exchange(letters_to_remove_, {});
    const auto to_load = std::exchange(events_to_load_, {});
    const auto page_wanted = std::exchange(page_wanted_, std::nullopt);
    reading_letters_ = page_wanted.has_value();
    const bool keeps_groups = core_.groups().has_keep();
    lock.unlock();
    if (keeps_groups) keep_groups();
    load_events(to_load);
    in_pieces(to_store, [this](auto piece) { store_letters(piece); });
    in_pieces(to_remove, [this](auto piece) { remove_letters(piece); });
    if (page_wanted) read_letters(*page_wanted);
    if (letters_->over_bound()) next_look = {};
    lock.lock();
    keeping_letters_ = false;
    reading_letters_ = false;
    letters_done_.notify_all();
  }
}

/// Under mutex_.
bool WorkEngine::nothing_to_keep() const {
  return letters_to_store_.empty() && letters_to_remove_.empty() && events_to_load_.empty() &&
         !page_wanted_ && !core_.groups().has_keep();
}

/// Reads back what is to run on other nodes.
void WorkEngine::load_events(std::span<const work::LoadEvent> asked) {
  for (const work::LoadEvent& each : asked) {
    work::Job job;
    job.handle = each.handle;
    job.position = each.position;
    auto event = event_of(job);
    Lock lock(mutex_);
    Actions actions;
    core_.loaded(turn(actions), each.handle, event ? *event : nullptr, event ? "" : event.error().message);
    after_change(lock, actions);
  }
}

/// Makes room when there are too many, and reads a slice of them again; when to come again.
std::chrono::milliseconds WorkEngine::look_after_letters() {
  const auto complain = [this](std::string event, const Error& error) {
    if (services_.log) services_.log({LogLevel::error, std::move(event), {{"error", error.message}}});
    return scrub_rest;
  };
  if (letters_->over_bound()) {
    const std::lock_guard leaving(leaving_mutex_);
    const auto exported = letters_->export_oldest();
    if (!exported) return complain("dead_letters_not_exported", exported.error());
    if (services_.log && *exported > 0) {
      services_.log({LogLevel::warning, "dead_letters_exported", {{"count", std::to_string(*exported)}}});
    }
  }
  const auto ended = letters_->scrub(scrub_bytes);
  if (!ended) return complain("dead_letters_damaged", ended.error());
  return *ended ? scrub_rest : scrub_pause;
}

/// Under mutex_.
bool WorkEngine::letters_kept() const {
  return failure_ || (!keeping_letters_ && letters_to_store_.empty() && letters_to_remove_.empty());
}

bool WorkEngine::letter_on_its_way() const {
  const Lock lock(mutex_);
  return machine_.letters_wait() || !letters_kept();
}

void WorkEngine::wait_letters(base::MonoTime deadline) {
  // What ended is stored when its end is synced.
  if (journal_) sync();
  Lock lock(mutex_);
  const auto done = [this] { return letters_kept(); };
  letters_done_.wait_for(lock, std::max(deadline - services_.clock.now(), std::chrono::nanoseconds{0}), done);
}

void WorkEngine::store_letters(std::span<const work::StoreLetter> asked) {
  std::vector<Letter> letters;
  std::vector<bool> readable;
  for (const work::StoreLetter& each : asked) {
    auto letter = letter_of(each);
    readable.push_back(letter.has_value());
    if (letter) letters.push_back(std::move(*letter));
  }
  const auto kept = letters_->keep(letters);
  count_uncopied(kept.value_or(0));
  Lock lock(mutex_);
  make_room_in_commit(lock);
  for (std::size_t at = 0; at < asked.size(); ++at) {
    machine_.letter_stored(services_.clock.now(), asked[at].handle, kept.has_value() && readable[at],
                           pending_);
  }
  Actions actions;
  after_change(lock, actions);
  for (const Letter& letter : letters) log_letter(letter, kept);
}

Result<Letter> WorkEngine::letter_of(const work::StoreLetter& asked) const {
  auto parcel = asked.event ? asked.event : read_parcel(asked.position);
  if (parcel) parcel = opened(*parcel);
  if (!parcel) return tl::unexpected(parcel.error());
  Letter letter;
  letter.id = asked.letter;
  letter.dispatch = asked.id;
  letter.generation = asked.generation;
  letter.doubt = asked.doubt;
  letter.bus = asked.bus;
  {
    const Lock lock(mutex_);
    letter.group = machine_.name(asked.group).group.to_string();
  }
  letter.accepted = asked.accepted;
  letter.attempts = asked.attempts;
  letter.event = (*parcel)->bytes;
  if (!letter.event.empty()) return letter;
  auto packed = encoded(*(*parcel)->event, (*parcel)->keys);
  if (!packed) return tl::unexpected(packed.error());
  letter.event = std::move(*packed);
  return letter;
}

void WorkEngine::remove_letters(std::span<const work::RemoveLetter> asked) {
  std::vector<DeadLetterId> ids;
  for (const work::RemoveLetter& each : asked) ids.push_back(each.letter);
  const std::lock_guard leaving(leaving_mutex_);
  const auto removed = letters_->remove(ids);
  Lock lock(mutex_);
  make_room_in_commit(lock);
  Actions actions;
  for (const work::RemoveLetter& each : asked) {
    machine_.letter_removed(services_.clock.now(), each.handle, removed.has_value(), pending_, actions);
  }
  after_change(lock, actions);
}

void WorkEngine::log_letter(const Letter& letter, const Result<std::uint64_t>& kept) const {
  if (!services_.log) return;
  const std::string error = letter.attempts.empty() ? std::string() : letter.attempts.back().error;
  std::vector<std::pair<std::string, std::string>> fields{
      {"bus", letter.bus},
      {"group", letter.group},
      {"id", letter.id.to_string()},
      {"attempts", std::to_string(letter.attempts.size())},
      {"error", error}};
  if (!kept) fields.emplace_back("why", kept.error().message);
  services_.log({kept ? LogLevel::warning : LogLevel::error, kept ? "dead_letter" : "dead_letter_not_kept",
                 std::move(fields)});
}

}  // namespace evmesh::bus
