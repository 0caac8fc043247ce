#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace evmesh::base {

/// Where chance comes from.
class Random {
 public:
  Random() = default;
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  virtual ~Random() = default;

  virtual void fill(std::span<std::byte> out) = 0;
  [[nodiscard]] virtual std::uint64_t next_u64() = 0;
};

/// Uniform in [low, high], both included, without bias. `low` must not exceed `high`.
[[nodiscard]] std::uint64_t uniform(Random& random, std::uint64_t low, std::uint64_t high);

/// Uniform in [0, 1).
[[nodiscard]] double unit_interval(Random& random);

/// The operating system's generator, fit for ids and secrets. Thread-safe.
class SystemRandom final : public Random {
 public:
  SystemRandom();
  void fill(std::span<std::byte> out) override;
  [[nodiscard]] std::uint64_t next_u64() override;

  /// As `fill`, for a few KiB at a time: the stream of a key that the operating system gives and nobody keeps.
  void fill_in_bulk(std::span<std::byte> out);
};

/// The same sequence for the same seed, on every machine (xoshiro256**, seeded by splitmix64). For tests and
/// the simulator; guessable, so never for ids or secrets of a real node. Thread-bound to its user.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(std::span<std::byte> out) override;
  [[nodiscard]] std::uint64_t next_u64() override;

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace evmesh::base
