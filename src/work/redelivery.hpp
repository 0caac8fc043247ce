#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <evmesh/redelivery.hpp>

#include "base/clock.hpp"

namespace evmesh::work {

/// A redelivery task as its document keeps it: enough to go on after a crash at any instant. Value.
struct RedeliveryState {
  TaskStatus status;
  std::uint64_t upper = 0;           ///< highest number of a letter when it was ordered
  std::vector<std::string> late;     ///< places (BUS/GROUP) whose letters come when all others are through
  bool last_pass = false;            ///< at the letters of those
  std::uint64_t after = 0;           ///< of this pass everything up to here was looked at
  std::vector<std::uint64_t> taken;  ///< letters that were decided on and may have been redelivered since
};

/// Decides what a redelivery does next. Pure: `next` says one step, whoever drives it does that step and says
/// how it went, and so on until it is over. Not thread-safe.
///
/// What is about to be redelivered stands in the saved state first, so that after a crash exactly these are
/// tried again: redelivering twice is harmless, as a letter that is owed or gone says so, and neither the
/// limit nor the sums depend on when the crash came.
class RedeliveryTask {
 public:
  /// Keep `state()`, synced, then say `saved`.
  struct Save {};
  /// Say `looked` with up to `max` matching letters behind number `after` up to `upper`, in their order.
  struct Look {
    std::uint64_t after = 0;
    std::uint64_t upper = 0;
    std::size_t max = 0;
  };
  /// Say `redelivered` with one result for each of these numbers.
  struct Redeliver {
    std::vector<std::uint64_t> numbers;
  };
  /// Nothing to do before then.
  struct Wait {
    base::MonoTime until;
  };
  struct Over {};
  using Step = std::variant<Save, Look, Redeliver, Wait, Over>;

  struct Letter {
    std::uint64_t number = 0;
    std::string place;  ///< BUS/GROUP
  };

  struct Result {
    enum class Kind : std::uint8_t {
      owed,     ///< owed again, by this call
      already,  ///< it was owed again before
      gone,     ///< no such letter
      blocked,  ///< not now: try again
      failed,
    };
    Kind kind = Kind::owed;
    std::string reason{};  ///< of `blocked` and `failed`
  };

  /// A new one, or one that goes on.
  explicit RedeliveryTask(RedeliveryState state);

  [[nodiscard]] const RedeliveryState& state() const { return state_; }
  [[nodiscard]] const TaskStatus& status() const { return state_.status; }

  [[nodiscard]] Step next(base::MonoTime now, Timestamp wall);
  void saved() { unsaved_ = false; }
  void looked(base::MonoTime now, std::span<const Letter> letters);
  void redelivered(base::MonoTime now, std::span<const Result> results);

  /// Nothing more is redelivered. Ignored when it is over.
  void cancel(Timestamp wall);

  /// It cannot go on: the letters cannot be read.
  void give_up(Timestamp wall, std::string why);

 private:
  [[nodiscard]] bool all_looked_at() const;
  [[nodiscard]] std::size_t batch() const;
  void end(TaskState state, Timestamp wall);
  void count(const Result& result);
  void spend(base::MonoTime now, std::size_t letters);

  RedeliveryState state_;
  bool unsaved_ = true;
  bool resumed_ = false;  // `taken` comes from an earlier life
  bool pass_over_ = false;
  std::size_t asked_ = 0;        // letters of the last Look
  base::MonoTime due_{};         // nothing happens before
  base::MonoTime paid_until_{};  // until then the rate is used up
};

}  // namespace evmesh::work
