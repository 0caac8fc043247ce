#include "storage/witness.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/hash.hpp"

namespace evmesh::storage {

namespace {

constexpr std::size_t slot_bytes = 512;  // one sector: torn as a whole or not at all
constexpr std::string_view magic = "EMWITN01";

using Slot = std::array<char, slot_bytes>;

std::uint64_t sum_of(const Slot& slot) { return base::hash64({slot.data(), 24}); }

Slot slot_of(Witness::Mark mark) {
  Slot slot{};
  std::memcpy(slot.data(), magic.data(), magic.size());
  std::memcpy(slot.data() + 8, &mark.version, 8);
  std::memcpy(slot.data() + 16, &mark.sum, 8);
  const std::uint64_t sum = sum_of(slot);
  std::memcpy(slot.data() + 24, &sum, 8);
  return slot;
}

std::optional<Witness::Mark> mark_of(const Slot& slot) {
  Witness::Mark mark;
  std::memcpy(&mark.version, slot.data() + 8, 8);
  std::memcpy(&mark.sum, slot.data() + 16, 8);
  if (slot_of(mark) != slot) return std::nullopt;
  return mark;
}

auto failed(const std::filesystem::path& file, std::string_view doing) {
  return fail(ErrorCode::storage, "cannot " + std::string(doing) + " " + file.string() + ": " + std::strerror(errno));
}

}  // namespace

Result<Witness> Witness::open(const std::filesystem::path& file) {
  Witness witness(file, ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (witness.fd_ < 0) return failed(file, "open");
  if (auto loaded = witness.load(); !loaded) return tl::unexpected(loaded.error());
  return witness;
}

Result<Witness> Witness::read(const std::filesystem::path& file) {
  Witness witness(file, ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (witness.fd_ < 0 && errno == ENOENT) return none();
  if (witness.fd_ < 0) return failed(file, "open");
  if (auto loaded = witness.load(); !loaded) return tl::unexpected(loaded.error());
  ::close(std::exchange(witness.fd_, -1));
  return witness;
}

Result<void> Witness::load() {
  int damaged = 0;
  for (const off_t offset : {0, static_cast<int>(slot_bytes)}) {
    Slot slot{};
    const ssize_t bytes = ::pread(fd_, slot.data(), slot.size(), offset);
    if (bytes < 0) return failed(file_, "read");
    if (slot == Slot{}) continue;
    const auto mark = mark_of(slot);
    damaged += !mark;
    if (mark && (!mark_ || mark->version > mark_->version)) mark_ = mark;
  }
  if (damaged > 0 && !mark_) {
    return fail(ErrorCode::storage, file_.string() + " is damaged: nobody knows whether what it vouches for is whole");
  }
  return {};
}

Witness::Witness(Witness&& other) noexcept
    : file_(std::move(other.file_)), fd_(std::exchange(other.fd_, -1)), mark_(other.mark_) {}

Witness::~Witness() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Witness::keep(Mark mark) {
  if (fd_ < 0) return {};
  const Slot slot = slot_of(mark);
  const off_t offset = mark.version % 2 == 0 ? 0 : static_cast<off_t>(slot_bytes);
  if (::pwrite(fd_, slot.data(), slot.size(), offset) != static_cast<ssize_t>(slot.size())) return failed(file_, "write");
  if (::fdatasync(fd_) != 0) return failed(file_, "sync");
  mark_ = mark;
  return {};
}

}  // namespace evmesh::storage
