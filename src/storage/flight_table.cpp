#include "storage/flight_table.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/hash.hpp"

namespace evmesh::storage {

namespace {

constexpr const char* name = "flights";
constexpr const char* old_name = "flights.old";
constexpr std::array<char, 16> magic{'E', 'M', 'F', 'L', 'I', 'G', 'H', 'T', '0', '1'};

/// Changes at every start of the machine: what was mapped and never synced is gone then.
std::array<char, 48> boot_of_machine() {
  std::array<char, 48> boot{};
  std::ifstream("/proc/sys/kernel/random/boot_id").read(boot.data(), 36);
  return boot;
}

auto failed(const std::filesystem::path& file, std::string_view doing) {
  return fail(ErrorCode::storage, "cannot " + std::string(doing) + " " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<FlightTable>> FlightTable::open(const std::filesystem::path& directory) {
  std::unique_ptr<FlightTable> flights(new FlightTable);
  flights->directory_ = directory;
  for (std::size_t slot = slots; slot-- > 0;) flights->free_.push_back(slot);
  if (directory.empty()) {
    flights->own_ = std::make_unique<Table>();
    flights->table_ = flights->own_.get();
    return flights;
  }
  auto done = flights->read_old();
  if (done) done = flights->map();
  if (!done) return tl::unexpected(done.error());
  return flights;
}

/// A life that ended before it had taken over what it found leaves both files: the older one is still to be taken over, and
/// of the younger one nothing had started.
Result<void> FlightTable::read_old() {
  const auto old = directory_ / old_name;
  std::error_code error;
  if (!std::filesystem::exists(old, error)) {
    if (!std::filesystem::exists(directory_ / name, error)) return {};
    std::filesystem::rename(directory_ / name, old, error);
    if (error) return fail(ErrorCode::storage, "cannot rename " + (directory_ / name).string() + ": " + error.message());
  }
  const auto table = std::make_unique<Table>();
  std::ifstream file(old, std::ios::binary);
  file.read(reinterpret_cast<char*>(table.get()), sizeof(Table));
  if (!file || table->magic != magic || table->boot != boot_of_machine()) return {};
  found_.emplace();
  // What is damaged names nothing and is passed over: at worst a crash is not charged.
  for (const Slot& slot : table->entries) {
    if (slot.used == 1 && slot.sum == sum_of(slot)) found_->push_back(flight_of(slot));
  }
  return {};
}

Result<void> FlightTable::map() {
  const auto file = directory_ / name;
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return failed(file, "open");
  // Its blocks are there before it is mapped: a full disk must not end the process at the first touch.
  const int allocated = ::posix_fallocate(fd, 0, sizeof(Table));
  void* mapped = allocated != 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (allocated != 0) errno = allocated;
  ::close(fd);
  if (mapped == MAP_FAILED) return failed(file, "map");
  table_ = static_cast<Table*>(mapped);
  table_->boot = boot_of_machine();
  table_->magic = magic;
  return {};
}

Result<void> FlightTable::forget() {
  found_.reset();
  if (directory_.empty()) return {};
  std::error_code error;
  std::filesystem::remove(directory_ / old_name, error);
  if (error) return fail(ErrorCode::storage, "cannot remove " + (directory_ / old_name).string() + ": " + error.message());
  return {};
}

FlightTable::~FlightTable() {
  if (!own_ && table_ != nullptr) ::munmap(table_, sizeof(Table));
}

std::uint64_t FlightTable::sum_of(const Slot& slot) {
  return base::hash64({reinterpret_cast<const char*>(&slot.owner), offsetof(Slot, sum) - offsetof(Slot, owner)});
}

FlightTable::Flight FlightTable::flight_of(const Slot& slot) {
  Flight flight;
  flight.owner.bytes = slot.owner;
  flight.epoch = slot.epoch;
  flight.seq = slot.seq;
  flight.group = slot.group;
  flight.generation = slot.generation;
  flight.attempt = slot.attempt;
  flight.suspect = slot.suspect != 0;
  return flight;
}

std::optional<std::size_t> FlightTable::begin(const Flight& flight) {
  std::size_t at = 0;
  {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    at = free_.back();
    free_.pop_back();
  }
  Slot& slot = table_->entries[at];
  slot.owner = flight.owner.bytes;
  slot.epoch = flight.epoch;
  slot.seq = flight.seq;
  slot.group = flight.group;
  slot.generation = flight.generation;
  slot.attempt = flight.attempt;
  slot.suspect = flight.suspect ? 1 : 0;
  slot.sum = sum_of(slot);
  std::atomic_ref(slot.used).store(1, std::memory_order_release);
  return at;
}

void FlightTable::end(std::size_t slot) {
  std::atomic_ref(table_->entries[slot].used).store(0, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

}  // namespace evmesh::storage
