#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>

#include <evmesh/dead_letters.hpp>

#include "base/counters.hpp"
#include "base/limits.hpp"

namespace evmesh::bus {

/// Dead letters in memory; they end with the bus. At the bound a letter is refused with `storage` and
/// counted, never dropped for a newer one. Thread-safe.
class MemoryDeadLetters final : public DeadLetters {
 public:
  struct Bounds {
    std::uint64_t letters_max = limits::memory_dead_letters_max;
    std::uint64_t bytes_max = limits::memory_dead_letters_bytes_max;
  };

  /// `counters` outlives this.
  MemoryDeadLetters(Bounds bounds, base::Counters& counters);

  Result<DeadLetterId> store(const Group& group, const Event& event, std::vector<RegistrationKey> keys,
                             std::vector<Attempt> attempts) override;
  Result<bool> remove(const Group& group, const DeadLetterId& id) override;
  Result<std::uint64_t> remove(const Group& group) override;
  Result<std::optional<DeadLetter>> find(const Group& group, const DeadLetterId& id) const override;
  Result<std::vector<DeadLetterId>> ids(const Group& group) const override;
  Result<std::vector<Group>> groups() const override;
  Result<bool> empty() const override;

 private:
  struct Row {
    DeadLetter letter;
    std::uint64_t bytes = 0;
  };
  struct Letters {
    std::map<std::uint64_t, Row> rows;            // by the order they were stored
    std::map<DeadLetterId, std::uint64_t> order;  // where a letter stands in it
  };

  const Bounds bounds_;
  base::Counter& stored_;
  base::Counter& refused_;

  mutable std::mutex mutex_;  // leaf; guards all below
  std::map<Group, Letters> groups_;
  std::uint64_t next_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace evmesh::bus
