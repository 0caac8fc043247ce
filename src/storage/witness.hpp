#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include <evmesh/result.hpp>

namespace evmesh::storage {

/// Remembers, outside a file that could lose its end without a word, how far that file had got: the higher of two slots
/// that are written in turn, so that a torn write costs the older one only. Thread-bound.
class Witness {
 public:
  /// What the file had got to: a version that grows with each change, and the sum over what it held then.
  struct Mark {
    std::uint64_t version = 0;
    std::uint64_t sum = 0;

    bool operator==(const Mark&) const = default;
  };

  /// Opens or creates. `mark()` is empty when the file is new. Errors: storage; both slots damaged is one.
  [[nodiscard]] static Result<Witness> open(const std::filesystem::path& file);

  /// To look at only: creates nothing, and `keep` does nothing.
  [[nodiscard]] static Result<Witness> read(const std::filesystem::path& file);

  /// One that keeps nothing, for what is in memory only.
  [[nodiscard]] static Result<Witness> none() { return Witness({}, -1); }

  Witness(Witness&& other) noexcept;
  Witness& operator=(Witness&&) = delete;
  ~Witness();

  [[nodiscard]] const std::optional<Mark>& mark() const { return mark_; }

  /// On the disk when this returns.
  [[nodiscard]] Result<void> keep(Mark mark);

 private:
  Witness(std::filesystem::path file, int fd) : file_(std::move(file)), fd_(fd) {}

  [[nodiscard]] Result<void> load();

  std::filesystem::path file_;
  int fd_;
  std::optional<Mark> mark_;
};

}  // namespace evmesh::storage
