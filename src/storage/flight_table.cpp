#include "storage/flight_table.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/hash.hpp"

namespace evmesh::storage {

namespace {

auto failed(const std::filesystem::path& file, std::string_view doing) {
  return fail(ErrorCode::storage, "cannot " + std::string(doing) + " " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<FlightTable>> FlightTable::open(const std::filesystem::path& file) {
  std::unique_ptr<FlightTable> flights(new FlightTable);
  if (file.empty()) {
    flights->own_ = std::make_unique<Table>();
    flights->table_ = flights->own_.get();
  } else {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed(file, "open");
    // Its blocks are there before it is mapped: a full disk must not end the process at the first touch.
    const int allocated = ::posix_fallocate(fd, 0, sizeof(Table));
    void* mapped = allocated != 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (allocated != 0) errno = allocated;
    ::close(fd);
    if (mapped == MAP_FAILED) return failed(file, "map");
    flights->table_ = static_cast<Table*>(mapped);
  }
  flights->take_over();
  return flights;
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

/// What is damaged names nothing and is passed over: at worst a crash is not charged.
void FlightTable::take_over() {
  free_.reserve(slots);
  for (std::size_t at = slots; at-- > 0;) {
    Slot& slot = (*table_)[at];
    if (slot.used == 1 && slot.sum == sum_of(slot)) found_.push_back(flight_of(slot));
    slot = Slot{};
    free_.push_back(at);
  }
}

std::optional<std::size_t> FlightTable::begin(const Flight& flight) {
  std::size_t at = 0;
  {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::nullopt;
    at = free_.back();
    free_.pop_back();
  }
  Slot& slot = (*table_)[at];
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
  std::atomic_ref((*table_)[slot].used).store(0, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

}  // namespace evmesh::storage
