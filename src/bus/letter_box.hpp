#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/dead_letters.hpp>

#include "base/counters.hpp"
#include "base/limits.hpp"
#include "storage/records.hpp"
#include "storage/state_store.hpp"
#include "work/mesh_types.hpp"

namespace evmesh::bus {

/// A dead letter with all that is needed to owe it again.
struct Letter {
  DeadLetterId id;
  std::uint64_t number = 0;  ///< given by the box: the order they were kept in
  EventId event_id;  ///< given by the box, from the event
  DispatchId dispatch;
  std::uint32_t generation = 0;  ///< how often it was redelivered
  storage::Doubt doubt = storage::Doubt::none;
  std::string bus;
  std::string group;
  Timestamp accepted{};
  std::vector<Attempt> attempts;
  std::string event;  ///< in the form it travels in
};

/// The dead letters of a node, on the disk or, without a directory, in memory. Reading changes nothing.
/// Thread-safe; blocks for the disk.
class LetterBox {
 public:
  using Filter = storage::LetterFilter;

  /// `counters` outlives the box. On the disk letters may take `bytes_max`. Errors: storage.
  [[nodiscard]] static Result<std::unique_ptr<LetterBox>> open(
      const std::filesystem::path& directory, base::Counters& counters,
      std::uint64_t bytes_max = limits::dead_letters_bytes_max);

  /// A letter that has left the box, and what it was the letter of.
  struct Left {
    DeadLetterId id;
    work::WorkName name;
  };
  /// Told of all that leave, on the thread that removes them, when they are gone. Set before anybody else has
  /// the box.
  using OnLeft = std::function<void(std::span<const Left>)>;
  void on_left(OnLeft told) { told_ = std::move(told); }

  /// Keeps those that are not there yet, by id; all are on the disk when this returns. How many were not. In
  /// memory no more than `limits::memory_dead_letters_max`, and `limits::memory_dead_letters_bytes_max` of
  /// them. Errors: storage.
  [[nodiscard]] Result<std::uint64_t> keep(std::span<const Letter> letters);

  /// Whether there are more than there may be on the disk; `export_oldest` mends it.
  [[nodiscard]] bool over_bound() const;

  /// Moves the oldest letters to the file `dead-letters-exported.jsonl` in the directory, a line each as an
  /// import reads it, until there are few enough: those of the group that grew last, and when that is not
  /// enough, of the one that holds most. Nothing leaves before it is in the file, on the disk; after a crash
  /// it may be in both. How many. Errors: storage; the letters are where they were.
  [[nodiscard]] Result<std::uint64_t> export_oldest();

  /// As StateStore::scrub; true at the end of a round, and always in memory.
  [[nodiscard]] Result<bool> scrub(std::uint64_t bytes);

  [[nodiscard]] Result<std::uint64_t> remove(const Filter& filter);
  [[nodiscard]] Result<std::uint64_t> remove(std::span<const DeadLetterId> ids);
  [[nodiscard]] Result<std::vector<Letter>> page(const Filter& filter, std::uint64_t after, std::size_t limit,
                                                 std::uint64_t bytes_max = ~std::uint64_t{0});

  /// As StateStore::start_of_newest.
  [[nodiscard]] Result<std::uint64_t> start_of_newest(std::uint64_t letters, std::uint64_t bytes);

  /// Where letters stand, unverified and without their events.
  [[nodiscard]] Result<std::vector<storage::LetterPlace>> places(const Filter& filter, std::uint64_t after,
                                                                 std::size_t limit);

  /// The highest number that was given to a letter.
  [[nodiscard]] Result<std::uint64_t> last_number();
  [[nodiscard]] Result<std::optional<Letter>> find(const DeadLetterId& id);
  [[nodiscard]] Result<std::uint64_t> count(const Filter& filter);

  using Held = std::map<std::pair<std::string, std::string>, storage::StateStore::Held>;
  [[nodiscard]] Held held() const;
  [[nodiscard]] storage::StateStore::Held held_in_all() const;

  // Small documents that share the store: tasks, states of groups.

  [[nodiscard]] Result<void> put(std::string_view kind, std::string_view name, std::string_view body);
  [[nodiscard]] Result<void> erase(std::string_view kind, std::string_view name);
  [[nodiscard]] Result<std::map<std::string, std::string>> documents(std::string_view kind);

 private:
  using Place = std::pair<std::string, std::string>;  // bus and group

  LetterBox(storage::StateStore store, std::filesystem::path directory, base::Counters& counters,
            std::uint64_t bytes_max);

  [[nodiscard]] bool in_memory() const { return directory_.empty(); }
  [[nodiscard]] Result<void> check_room(std::span<const storage::LetterRow> rows) const;
  [[nodiscard]] storage::StateStore::Held all() const;
  [[nodiscard]] std::optional<Place> to_shrink(const Place& but) const;
  [[nodiscard]] Result<std::uint64_t> export_some(const Place& place, std::uint64_t& after,
                                                  std::vector<Left>& left);
  [[nodiscard]] storage::StateStore::OnRemoved into(std::vector<Left>& left) const;
  template <class Which>
  [[nodiscard]] Result<std::uint64_t> remove_those(const Which& which);

  const std::filesystem::path directory_;
  const std::uint64_t bytes_max_;
  mutable std::mutex mutex_;  // leaf; guards the store and what follows
  storage::StateStore store_;
  Place grown_;  // what was kept last
  OnLeft told_;
  base::Counter& kept_;
  base::Counter& removed_;
  base::Counter& exported_;
};

/// What a row of the store says. Errors: undecodable.
[[nodiscard]] Result<Letter> letter_of(storage::LetterRow row);

/// A place in the world of dispatch ids for what was never accepted: no two letters share one.
[[nodiscard]] DispatchId dispatch_of_unaccepted(const DeadLetterId& letter);

/// A letter in the form of a journal's record, for those who keep copies of the journal.
struct CopiedLetter {
  DeadLetterId id;
  work::WorkName name;
  std::string record;
};
/// As the journal of `self` would say it, had it to make the letter again; nothing for what was never accepted, so that no
/// record of it does.
[[nodiscard]] std::optional<CopiedLetter> copied(const Letter& letter, const NodeId& self);

/// The letter as an application sees it. Errors: undecodable.
[[nodiscard]] Result<DeadLetter> to_dead_letter(const Letter& letter);

/// What one bus's application sees of the box. Thread-safe.
class BusDeadLetters final : public DeadLetters {
 public:
  /// `box` outlives this.
  BusDeadLetters(LetterBox& box, std::string bus) : box_(box), bus_(std::move(bus)) {}

  Result<DeadLetterId> store(const Group& group, const Event& event, std::vector<RegistrationKey> keys,
                             std::vector<Attempt> attempts) override;
  Result<bool> remove(const Group& group, const DeadLetterId& id) override;
  Result<std::uint64_t> remove(const Group& group) override;
  Result<std::optional<DeadLetter>> find(const Group& group, const DeadLetterId& id) const override;
  Result<std::vector<DeadLetterId>> ids(const Group& group) const override;
  Result<std::vector<Group>> groups() const override;
  Result<bool> empty() const override;

 private:
  LetterBox& box_;
  const std::string bus_;
};

}  // namespace evmesh::bus
