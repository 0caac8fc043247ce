#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

namespace evmesh::storage {

/// What runs in this process right now, in a small mapped file that outlives the process: its next life reads there what was
/// running when it died. Survives a kill, not a power cut (nothing is synced). Thread-safe.
class FlightTable {
 public:
  /// One execution.
  struct Flight {
    NodeId owner;
    std::uint64_t epoch = 0;
    std::uint64_t seq = 0;
    std::uint64_t group = 0;  ///< `group_hash`
    std::uint32_t generation = 0;
    std::uint32_t attempt = 1;
    bool suspect = false;

    bool operator==(const Flight&) const = default;
  };

  static constexpr std::size_t slots = 1024;  ///< executions at once; beyond them nothing is noted

  /// Begins an empty table in `directory` and reads that of the last life, which stays on the disk until `forget`. An empty
  /// path keeps the table in memory. Errors: storage.
  [[nodiscard]] static Result<std::unique_ptr<FlightTable>> open(const std::filesystem::path& directory);

  ~FlightTable();
  FlightTable(const FlightTable&) = delete;
  FlightTable& operator=(const FlightTable&) = delete;

  /// What ran when the last process ended. Nothing when nobody knows: there was none, or the machine was started anew since.
  [[nodiscard]] const std::optional<std::vector<Flight>>& found() const { return found_; }

  /// What was found has been taken over.
  [[nodiscard]] Result<void> forget();

  /// Notes an execution before it starts; the slot to give back. Empty when all are taken.
  [[nodiscard]] std::optional<std::size_t> begin(const Flight& flight);
  void end(std::size_t slot);

 private:
  /// As it stands in the file.
  struct Slot {
    std::uint64_t used = 0;  // written last: a flight is whole or absent
    std::array<std::uint8_t, 16> owner{};
    std::uint64_t epoch = 0;
    std::uint64_t seq = 0;
    std::uint64_t group = 0;
    std::uint32_t generation = 0;
    std::uint32_t attempt = 0;
    std::uint64_t suspect = 0;
    std::uint64_t sum = 0;
  };
  struct Table {
    std::array<char, 16> magic{};
    std::array<char, 48> boot{};  // which start of the machine it belongs to
    std::array<Slot, slots> entries{};
  };

  FlightTable() = default;
  [[nodiscard]] static Flight flight_of(const Slot& slot);
  [[nodiscard]] static std::uint64_t sum_of(const Slot& slot);
  [[nodiscard]] Result<void> map();
  [[nodiscard]] Result<void> read_old();

  std::filesystem::path directory_;  // empty: in memory
  Table* table_ = nullptr;
  std::unique_ptr<Table> own_;  // when there is no file
  std::optional<std::vector<Flight>> found_;
  std::mutex mutex_;  // leaf; guards the one below
  std::vector<std::size_t> free_;
};

}  // namespace evmesh::storage
