#include "storage/disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace evmesh::storage {

namespace {

constexpr std::string_view no_space = "the disk is full: ";
/// Small: the page cache keeps what is written at once in one piece, and each later write of a few bytes walks through
/// the whole piece it falls into.
constexpr std::size_t zeros_bytes = 16U << 10;
constexpr std::uint64_t write_back_bytes = 1U << 20;

tl::unexpected<Error> failed(const std::string& doing, int number) {
  if (number == ENOSPC || number == EDQUOT) return tl::unexpected(no_space_error(doing));
  return fail(ErrorCode::storage,
              "cannot " + doing + ": " + std::strerror(number) + " (errno " + std::to_string(number) + ")");
}

/// Asks again as long as a signal comes between.
template <class Call>
auto repeated(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

class PosixFile final : public File {
 public:
  PosixFile(int number, std::string path) : file_(number), path_(std::move(path)) {}

  [[nodiscard]] Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto written = repeated(
          [&] { return ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (written < 0) return failed("write " + path_, errno);
      offset += static_cast<std::uint64_t>(written);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<char> to) const override {
    std::size_t done = 0;
    while (done < to.size()) {
      const auto count = repeated([&] {
        return ::pread(file_.get(), to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      });
      if (count < 0) return failed("read " + path_, errno);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  [[nodiscard]] Result<void> sync() override {
    if (repeated([&] { return ::fdatasync(file_.get()); }) != 0) return failed("sync " + path_, errno);
    return {};
  }

  [[nodiscard]] Result<std::uint64_t> size() const override {
    struct stat status{};
    if (::fstat(file_.get(), &status) != 0) return failed("look at " + path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  [[nodiscard]] Result<void> reserve(std::uint64_t bytes) override {
    // Asks for the space first: a full disk says so before megabytes of zeros are written. File systems that
    // cannot (their answer is EOPNOTSUPP or EINVAL) get the zeros all the same.
    int number = EINTR;
    while (number == EINTR) number = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(bytes));
    if (number != 0 && number != EOPNOTSUPP && number != EINVAL) return failed("reserve " + path_, number);
    if (auto filled = fill(bytes); !filled) return filled;
    return sync();
  }

 private:
  [[nodiscard]] Result<void> fill(std::uint64_t bytes) {
    const std::string zeros(std::min<std::uint64_t>(bytes, zeros_bytes), '\0');
    for (std::uint64_t at = 0, begun = 0; at < bytes; at += zeros.size()) {
      if (at - begun >= write_back_bytes) {
        // Goes to the disk from now on, so that no sync waits for all of it. Only a hint: `sync` follows.
        ::sync_file_range(file_.get(), static_cast<off_t>(begun), static_cast<off_t>(at - begun),
                          SYNC_FILE_RANGE_WRITE);
        begun = at;
      }
      const auto piece = std::string_view(zeros).substr(0, std::min<std::uint64_t>(zeros.size(), bytes - at));
      if (auto written = write(at, piece); !written) return written;
    }
    return {};
  }

  Descriptor file_;
  std::string path_;
};

class PosixDisk final : public Disk {
 public:
  PosixDisk(std::filesystem::path directory, int handle, int flags)
      : directory_(std::move(directory)), handle_(handle), flags_(flags) {}

  [[nodiscard]] Result<std::unique_ptr<File>> open(std::string_view name, bool create) override {
    const int flags = flags_ | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
    const int number =
        repeated([&] { return ::openat(handle_.get(), std::string(name).c_str(), flags, 0600); });
    if (number < 0) return failed("open " + path_of(name), errno);
    return std::make_unique<PosixFile>(number, path_of(name));
  }

  [[nodiscard]] Result<std::vector<std::string>> list() const override {
    std::error_code error;
    std::vector<std::string> names;
    std::filesystem::directory_iterator entry(directory_, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return failed("list " + directory_.string(), error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  [[nodiscard]] Result<void> rename(std::string_view from, std::string_view to) override {
    const int handle = handle_.get();
    if (::renameat(handle, std::string(from).c_str(), handle, std::string(to).c_str()) != 0) {
      return failed("rename " + path_of(from) + " to " + path_of(to), errno);
    }
    return {};
  }

  [[nodiscard]] Result<void> remove(std::string_view name) override {
    if (::unlinkat(handle_.get(), std::string(name).c_str(), 0) != 0)
      return failed("remove " + path_of(name), errno);
    return {};
  }

  [[nodiscard]] Result<void> sync_directory() override {
    if (repeated([&] { return ::fsync(handle_.get()); }) != 0)
      return failed("sync " + directory_.string(), errno);
    return {};
  }

  [[nodiscard]] std::string path_of(std::string_view name) const override {
    return (directory_ / name).string();
  }

 private:
  std::filesystem::path directory_;
  Descriptor handle_;
  int flags_;
};

Result<std::unique_ptr<Disk>> open_with(const std::filesystem::path& directory, int flags) {
  const int handle = repeated([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (handle < 0) return failed("open " + directory.string(), errno);
  return std::make_unique<PosixDisk>(directory, handle, flags);
}

}  // namespace

Result<std::unique_ptr<Disk>> open_disk(const std::filesystem::path& directory) {
  std::error_code error;
  const bool fresh = std::filesystem::create_directories(directory, error);
  if (!error && fresh) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error) return failed("create " + directory.string(), error.value());
  return open_with(directory, O_RDWR);
}

Result<std::unique_ptr<Disk>> open_disk_to_read(const std::filesystem::path& directory) {
  return open_with(directory, O_RDONLY);
}

Error no_space_error(const std::string& doing) {
  return {ErrorCode::storage, std::string(no_space) + "cannot " + doing};
}

bool is_no_space(const Error& error) { return error.message.starts_with(no_space); }

}  // namespace evmesh::storage
