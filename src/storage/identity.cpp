#include "storage/identity.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include "base/hash.hpp"

namespace evmesh::storage {

namespace {

constexpr std::string_view format = "evmesh-identity 1";

std::uint64_t unix_milliseconds(const base::Clock& clock) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.wall().time_since_epoch()).count());
}

NodeId fresh_id(base::Random& random) {
  NodeId id;
  random.fill(std::as_writable_bytes(std::span(id.bytes)));
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x40);  // UUID version 4
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

auto failed(const std::filesystem::path& path, std::string_view doing) {
  return fail(ErrorCode::storage, "cannot " + std::string(doing) + " " + path.string() + ": " + std::strerror(errno));
}

auto damaged(const std::filesystem::path& path) {
  return fail(ErrorCode::storage, path.string() + " is damaged; move it away to start as a new node");
}

std::string text_of(const NodeId& id, std::uint64_t epoch) {
  std::string text = std::string(format) + "\nid " + id.to_string() + "\nepoch " + std::to_string(epoch) + "\n";
  return text + "sum " + std::to_string(base::hash64(text)) + "\n";
}

/// Owns a file descriptor.
class File {
 public:
  File(const std::filesystem::path& path, int flags, mode_t mode = 0) : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

bool write_and_sync(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fsync(fd) == 0;
}

bool sync_directory(const std::filesystem::path& directory) {
  const File handle(directory, O_RDONLY | O_DIRECTORY);
  return handle.get() >= 0 && ::fsync(handle.get()) == 0;
}

}  // namespace

Result<std::unique_ptr<Identity>> Identity::open(const std::filesystem::path& directory, const base::Clock& clock,
                                                 base::Random& random) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorCode::storage, "cannot create " + directory.string() + ": " + error.message());
  std::unique_ptr<Identity> identity(new Identity);
  identity->directory_ = directory;
  if (auto locked = identity->lock(); !locked) return tl::unexpected(locked.error());
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (auto loaded = identity->load(random); !loaded) return tl::unexpected(loaded.error());
  identity->epoch_ = std::max(identity->epoch_ + 1, unix_milliseconds(clock));
  if (auto saved = identity->save(); !saved) return tl::unexpected(saved.error());
  return identity;
}

std::unique_ptr<Identity> Identity::transient(const base::Clock& clock, base::Random& random) {
  std::unique_ptr<Identity> identity(new Identity);
  identity->id_ = fresh_id(random);
  identity->epoch_ = unix_milliseconds(clock);
  return identity;
}

Identity::~Identity() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<void> Identity::raise_epoch(std::uint64_t epoch) {
  if (epoch <= epoch_) {
    return fail(ErrorCode::invalid_argument, "epoch " + std::to_string(epoch) + " is not later than " + std::to_string(epoch_));
  }
  const std::uint64_t before = std::exchange(epoch_, epoch);
  auto saved = save();
  if (!saved) epoch_ = before;
  return saved;
}

Result<void> Identity::lock() {
  const auto path = directory_ / "lock";
  File file(path, O_RDWR | O_CREAT, 0600);
  if (file.get() < 0) return failed(path, "open");
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed(path, "lock");
    std::ifstream holder(path);
    const std::string pid{std::istreambuf_iterator<char>(holder), {}};
    return fail(ErrorCode::storage, directory_.string() + " is in use by process " + (pid.empty() ? "?" : pid) +
                                        "; give each node a data directory of its own");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(file.get(), 0) != 0 || !write_and_sync(file.get(), pid)) return failed(path, "write");
  lock_fd_ = file.release();
  return {};
}

Result<std::optional<Identity::Kept>> Identity::read_kept(const std::filesystem::path& directory) {
  const auto path = directory / "identity";
  std::ifstream file(path);
  if (!file.is_open()) {
    if (errno != ENOENT) return failed(path, "read");
    return std::nullopt;
  }
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream words(text);
  std::string name, version, label, id;
  Kept kept;
  words >> name >> version >> label >> id >> label >> kept.epoch;
  const auto parsed = NodeId::parse(id);
  if (!words || !parsed || text != text_of(*parsed, kept.epoch)) return damaged(path);
  kept.id = *parsed;
  return kept;
}

Result<std::optional<NodeId>> Identity::read(const std::filesystem::path& directory) {
  return read_kept(directory).map([](const std::optional<Kept>& kept) -> std::optional<NodeId> {
    if (!kept) return std::nullopt;
    return kept->id;
  });
}

Result<void> Identity::load(base::Random& random) {
  const auto kept = read_kept(directory_);
  if (!kept) return tl::unexpected(kept.error());
  id_ = *kept ? (*kept)->id : fresh_id(random);
  if (*kept) epoch_ = (*kept)->epoch;
  return {};
}

Result<void> Identity::save() const {
  if (directory_.empty()) return {};
  const auto path = directory_ / "identity";
  const auto fresh = directory_ / "identity.new";
  const File file(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file.get() < 0) return failed(fresh, "create");
  if (!write_and_sync(file.get(), text_of(id_, epoch_))) return failed(fresh, "write");
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed(path, "replace");
  if (!sync_directory(directory_)) return failed(directory_, "sync");
  return {};
}

}  // namespace evmesh::storage
