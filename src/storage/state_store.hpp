#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/dead_letters.hpp>
#include <evmesh/event.hpp>
#include <evmesh/ids.hpp>

#include "storage/sqlite.hpp"
#include "storage/witness.hpp"

namespace evmesh::storage {

/// A dead letter as it is kept. Texts and blobs are what the rooms above made of them.
struct LetterRow {
  DeadLetterId id;
  std::uint64_t number = 0;  ///< given by the store: the order they were stored in
  std::string bus;
  std::string group;
  EventId event_id;
  std::string type;
  Timestamp time{};      ///< of the last failure
  std::string about;     ///< what a text filter looks at: user, keys, errors
  std::string history;   ///< dispatch id, generation, attempts, encoded
  std::string event;     ///< in the form it travels in

  bool operator==(const LetterRow&) const = default;
};

/// Which letters; what is empty does not matter.
struct LetterFilter {
  std::optional<DeadLetterId> id{};
  std::string bus{};
  std::string group{};
  std::string type{};
  std::string text{};  ///< stands in `about`
  std::optional<EventId> event{};
  std::optional<Timestamp> since{};  ///< failed then or later
  std::optional<Timestamp> until{};  ///< failed before
  std::optional<DeadLetterId> behind{};  ///< ids after this one, and `page` in the order of ids
};

/// What `StateStore::check` finds.
struct StateReport {
  /// One sentence each: file, what, and what to do; empty when all is as it was left.
  std::vector<std::string> findings;
  bool damaged = false;       ///< a node refuses to open it; else the next start mends what was found
  std::uint64_t letters = 0;  ///< that can be read
};

/// Where a letter stands, unverified: for those who look the letter itself up.
struct LetterPlace {
  std::uint64_t number = 0;
  std::string bus;
  std::string group;

  bool operator==(const LetterPlace&) const = default;
};

/// Dead letters and small documents (tasks, states of groups) of one node, in `DIR/state.db`. Every change is on the disk when
/// its call returns. Each row carries a checksum, all rows together a running sum, and `DIR/state.witness` remembers the last
/// version, so that a lost end, an old copy or a changed byte is found at open, at reading or by `scrub`, and never
/// served. After an error of a change every later change answers with it, after damage that `scrub` found also what reads
/// letters; open again. Thread-bound.
class StateStore {
 public:
  /// Opens or creates, and verifies all rows when they are few; of many letters it leaves that to whoever reads them and
  /// to `scrub`. An empty path keeps everything in memory. Errors: storage.
  [[nodiscard]] static Result<StateStore> open(const std::filesystem::path& directory);

  /// Looks at what is in `directory`, past damage where it can, without changing anything; calls `visit` for each sound
  /// letter. Nobody else may have it open.
  using VisitLetter = std::function<void(const LetterRow&)>;
  [[nodiscard]] static StateReport check(const std::filesystem::path& directory, const VisitLetter& visit);

  // Dead letters.

  /// Stores those that are not there yet (by id), in one commit; how many.
  [[nodiscard]] Result<std::uint64_t> put(std::span<const LetterRow> letters);
  /// Told of each letter that a commit removes: its id, bus, group and history.
  using OnRemoved = std::function<void(const LetterRow&)>;
  [[nodiscard]] Result<std::uint64_t> remove(const LetterFilter& filter, const OnRemoved& removed = {});

  /// In one commit; those that are not there are none. How many.
  [[nodiscard]] Result<std::uint64_t> remove(std::span<const DeadLetterId> ids,
                                             const OnRemoved& removed = {});

  /// Up to `limit` behind number `after`, in the order they were stored (or of ids); fewer, but at least one, when their events have more
  /// than `bytes_max` together: the one that goes beyond it is the last.
  [[nodiscard]] Result<std::vector<LetterRow>> page(const LetterFilter& filter, std::uint64_t after, std::size_t limit,
                                                    std::uint64_t bytes_max = ~std::uint64_t{0});

  /// The same, of any number of them and without their events.
  [[nodiscard]] Result<std::vector<LetterPlace>> places(const LetterFilter& filter, std::uint64_t after, std::size_t limit);

  /// The newest letters stand behind this number: no more than `letters`, whose events hold no more than
  /// `bytes`.
  [[nodiscard]] Result<std::uint64_t> start_of_newest(std::uint64_t letters, std::uint64_t bytes);

  /// The highest number that was given to a letter.
  [[nodiscard]] Result<std::uint64_t> last_number();
  [[nodiscard]] Result<std::uint64_t> count(const LetterFilter& filter);

  struct Held {
    std::uint64_t letters = 0;
    std::uint64_t bytes = 0;

    bool operator==(const Held&) const = default;
  };
  /// By bus and group; those that hold nothing are absent.
  [[nodiscard]] const std::map<std::pair<std::string, std::string>, Held>& held() const { return held_; }

  // Documents.

  [[nodiscard]] Result<void> put(std::string_view kind, std::string_view name, std::string_view body);
  [[nodiscard]] Result<void> erase(std::string_view kind, std::string_view name);
  [[nodiscard]] Result<std::map<std::string, std::string>> documents(std::string_view kind);

  /// Reads on where it stopped, about `bytes`, and compares each row with its sum and with the indices that lead to it; at
  /// the end of all letters also the sum of them all, and begins again. True when it was the end. The first difference as an
  /// error, for ever.
  [[nodiscard]] Result<bool> scrub(std::uint64_t bytes);

  /// The same of everything at once.
  [[nodiscard]] Result<void> verify();

 private:
  explicit StateStore(Database database, Witness witness);

  using Step = std::function<Result<void>(const Statement& row)>;
  using Asked = std::function<Result<bool>(const Statement& row)>;

  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<bool> read_meta();
  [[nodiscard]] Result<bool> whole_schema();
  [[nodiscard]] Result<void> check_all();
  void read_past_damage(const VisitLetter& visit, StateReport& report);
  [[nodiscard]] Result<void> check_witness() const;
  [[nodiscard]] Result<void> verify_at_open();
  [[nodiscard]] Result<void> migrate();
  template <class Work>
  [[nodiscard]] Result<void> commit(const Work& work);
  [[nodiscard]] Result<void> query(std::string_view sql, const LetterFilter& filter, const Step& step);
  [[nodiscard]] Result<void> query_while(std::string_view sql, const LetterFilter& filter, const Asked& step);
  [[nodiscard]] Result<void> insert(std::span<const LetterRow> letters, std::uint64_t& last, Witness::Mark& mark);
  [[nodiscard]] Result<void> erase_document(std::string_view kind, std::string_view name, Witness::Mark& mark);
  [[nodiscard]] Result<std::uint64_t> remove_some(const LetterFilter& filter, Witness::Mark& mark,
                                                  const OnRemoved& removed);
  [[nodiscard]] Held& held_of(std::string_view bus, std::string_view group);
  void hold(const LetterRow& letter);
  void release(const Statement& row, Witness::Mark& mark);
  [[nodiscard]] Result<void> say_held(Witness::Mark& mark);
  [[nodiscard]] std::uint64_t held_by(std::string_view bus, std::string_view group) const;
  [[nodiscard]] Result<std::uint64_t> first_of_time(const LetterFilter& filter, std::uint64_t after);

  // state_store_verify.cpp
  [[nodiscard]] Result<void> read_held();
  [[nodiscard]] Result<std::uint64_t> sum_of_rest();
  [[nodiscard]] Result<Statement> looking_at_indices();
  [[nodiscard]] Result<void> check_indices(Statement& indices, const LetterRow& letter) const;
  [[nodiscard]] Result<bool> read_on(std::uint64_t bytes);
  [[nodiscard]] Result<LetterRow> read_letter(const Statement& row) const;
  [[nodiscard]] Error damaged(std::string_view what) const;

  Database database_;
  Witness witness_;
  Witness::Mark mark_;
  std::uint64_t format_ = 0;
  std::optional<Error> failed_;  // of changes
  std::optional<Error> damage_;  // that the scrub found
  using HeldByGroup = std::map<std::pair<std::string, std::string>, Held>;
  HeldByGroup held_;
  HeldByGroup held_before_;  // the commit that is being made

  struct Scrubbed {
    std::uint64_t number = 0;  // of the letter that was read last
    std::uint64_t sum = 0;     // of those that were read and are still there
  };
  Scrubbed scrubbed_;
};

}  // namespace evmesh::storage
