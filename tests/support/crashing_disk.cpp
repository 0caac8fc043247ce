#include "support/crashing_disk.hpp"

#include <algorithm>
#include <utility>

namespace evmesh::support {

namespace {

constexpr std::uint64_t sector_bytes = 512;

Error input_output(std::string_view doing) {
  return {ErrorCode::storage, "cannot " + std::string(doing) + ": Input/output error (errno 5)"};
}

void overwrite(std::string& file, std::uint64_t offset, std::string_view bytes) {
  if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size(), '\0');
  file.replace(offset, bytes.size(), bytes);
}

/// What the kernel notes: each sector it touched, with what it holds now.
void write_now(CrashingDisk::Inode& inode, std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  overwrite(inode.now, offset, bytes);
  for (std::uint64_t sector = offset / sector_bytes; sector <= (offset + bytes.size() - 1) / sector_bytes;
       ++sector) {
    inode.unsynced[sector].push_back(inode.now.substr(sector * sector_bytes, sector_bytes));
  }
}

}  // namespace

class CrashingDisk::OpenFile final : public storage::File {
 public:
  OpenFile(CrashingDisk& disk, std::shared_ptr<Inode> inode, std::string name)
      : disk_(disk), inode_(std::move(inode)), name_(std::move(name)) {}

  Result<void> write(std::uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    return disk_.write(*inode_, offset, bytes, name_);
  }
  Result<std::size_t> read(std::uint64_t offset, std::span<char> to) const override {
    const std::lock_guard lock(disk_.mutex_);
    return disk_.read(*inode_, offset, to, name_);
  }
  Result<void> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    return disk_.sync(*inode_, name_);
  }
  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_.mutex_);
    return inode_->now.size();
  }
  Result<void> reserve(std::uint64_t bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    return disk_.reserve(*inode_, bytes, name_);
  }

 private:
  CrashingDisk& disk_;
  const std::shared_ptr<Inode> inode_;
  const std::string name_;
};

CrashingDisk::CrashingDisk(std::uint64_t seed, const Contents& contents) : random_(seed) {
  for (const auto& [name, bytes] : contents) {
    files_[name] = std::make_shared<Inode>(Inode{bytes, bytes, {}});
  }
  durable_files_ = files_;
}

bool CrashingDisk::chance(unsigned percent) { return base::uniform(random_, 1, 100) <= percent; }

void CrashingDisk::fail_after(std::uint64_t calls, DiskFault fault) {
  fault_at_ = calls_ + calls;
  fault_ = fault;
}

/// Counts a call; an error when it is the one that fails, or comes after the power went.
std::optional<Error> CrashingDisk::counted(std::string_view doing) {
  if (!powered_) return input_output(doing);
  if (fault_at_ != calls_++) return std::nullopt;
  fault_at_.reset();
  powered_ = fault_ != DiskFault::power;
  return fault_ == DiskFault::no_space ? storage::no_space_error(std::string(doing)) : input_output(doing);
}

Result<std::unique_ptr<storage::File>> CrashingDisk::open(std::string_view name, bool create) {
  const std::lock_guard lock(mutex_);
  const std::string plain(name);
  if (!files_.contains(plain)) {
    const std::string doing = "open " + path_of(name);
    if (!create) return fail(ErrorCode::storage, "cannot " + doing + ": No such file or directory (errno 2)");
    const auto made = do_operation({"", plain, std::make_shared<Inode>()}, doing);
    if (!made) return tl::unexpected(made.error());
  }
  return std::make_unique<OpenFile>(*this, files_.at(plain), plain);
}

Result<std::vector<std::string>> CrashingDisk::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, inode] : files_) names.push_back(name);
  return names;
}

Result<void> CrashingDisk::do_operation(Operation operation, std::string_view doing) {
  const bool was_on = powered_;
  const auto error = counted(doing);
  // The call during which the power goes may have had its effect.
  if (!error || (was_on && !powered_ && chance(50))) {
    files_.erase(operation.unlinked);
    if (!operation.linked.empty()) files_[operation.linked] = operation.inode;
    unsynced_.push_back(std::move(operation));
  }
  if (error) return tl::unexpected(*error);
  return {};
}

Result<void> CrashingDisk::rename(std::string_view from, std::string_view to) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(std::string(from));
  const std::string doing = "rename " + path_of(from) + " to " + path_of(to);
  if (found == files_.end()) return tl::unexpected(input_output(doing));
  return do_operation({std::string(from), std::string(to), found->second}, doing);
}

Result<void> CrashingDisk::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (!files_.contains(std::string(name))) return tl::unexpected(input_output("remove " + path_of(name)));
  return do_operation({std::string(name), "", nullptr}, "remove " + path_of(name));
}

Result<void> CrashingDisk::sync_directory() {
  const std::lock_guard lock(mutex_);
  if (auto error = counted("sync disk")) return tl::unexpected(*error);
  unsynced_.clear();
  durable_files_ = files_;
  return {};
}

bool CrashingDisk::fits(const Inode& inode, std::uint64_t bytes) const {
  std::uint64_t total = bytes;
  for (const auto& [name, other] : files_) total += other.get() == &inode ? 0 : other->now.size();
  return bytes <= inode.now.size() || total <= capacity_;
}

Result<void> CrashingDisk::write(Inode& inode, std::uint64_t offset, std::string_view bytes,
                                 const std::string& name) {
  const std::string doing = "write " + path_of(name);
  const bool was_on = powered_;
  if (auto error = counted(doing)) {
    if (was_on) write_now(inode, offset, bytes.substr(0, base::uniform(random_, 0, bytes.size())));
    return tl::unexpected(*error);
  }
  if (!fits(inode, offset + bytes.size())) return tl::unexpected(storage::no_space_error(doing));
  write_now(inode, offset, bytes);
  return {};
}

Result<std::size_t> CrashingDisk::read(const Inode& inode, std::uint64_t offset, std::span<char> to,
                                       const std::string& name) {
  if (!powered_ || read_fault_ == reads_++) return tl::unexpected(input_output("read " + path_of(name)));
  if (offset >= inode.now.size()) return 0;
  return inode.now.copy(to.data(), to.size(), offset);
}

Result<void> CrashingDisk::sync(Inode& inode, const std::string& name) {
  const bool was_on = powered_;
  const auto error = counted("sync " + path_of(name));
  if (!error) {
    keep_some(inode, 100);
    return {};
  }
  // With the power on, the kernel reports the error once and takes the pages for clean from then on.
  if (was_on && powered_) {
    keep_some(inode, 50);
  }
  return tl::unexpected(*error);
}

Result<void> CrashingDisk::reserve(Inode& inode, std::uint64_t bytes, const std::string& name) {
  const std::string doing = "reserve " + path_of(name);
  const bool was_on = powered_;
  auto error = counted(doing);
  if (!error && !fits(inode, bytes)) error = storage::no_space_error(doing);
  if (!was_on) return tl::unexpected(*error);
  inode.now.assign(error ? base::uniform(random_, 0, bytes) : bytes, '\0');
  inode.durable = inode.now;
  inode.unsynced.clear();
  if (error) return tl::unexpected(*error);
  return {};
}

/// Decides for each sector which of its contents is on the disk from now on: with 100 the last, with 0 the
/// synced one.
void CrashingDisk::keep_some(Inode& inode, unsigned percent) {
  for (const auto& [sector, contents] : inode.unsynced) {
    if (!chance(percent)) continue;
    const bool last = percent == 100 || chance(50);
    const std::size_t which = last ? contents.size() - 1 : base::uniform(random_, 0, contents.size() - 1);
    overwrite(inode.durable, sector * sector_bytes, contents[which]);
  }
  inode.unsynced.clear();
}

void CrashingDisk::crash() {
  const std::lock_guard lock(mutex_);
  // Now and then all is lost, or nothing; otherwise chance has a word about each sector and each operation.
  constexpr unsigned shares[] = {0, 100, 20, 50, 80};
  const unsigned percent = shares[base::uniform(random_, 0, 4)];
  for (const auto& operation : std::exchange(unsynced_, {})) {
    if (operation.inode) keep_some(*operation.inode, percent);
    if (!chance(percent)) continue;
    durable_files_.erase(operation.unlinked);
    if (!operation.linked.empty()) durable_files_[operation.linked] = operation.inode;
  }
  files_.clear();
  for (auto& [name, inode] : durable_files_) {
    keep_some(*inode, percent);
    inode = std::make_shared<Inode>(Inode{inode->durable, inode->durable, {}});
    files_[name] = inode;
  }
  fault_at_.reset();
  powered_ = true;
}

CrashingDisk::Contents CrashingDisk::contents() const {
  const std::lock_guard lock(mutex_);
  Contents contents;
  for (const auto& [name, inode] : files_) contents[name] = inode->now;
  return contents;
}

void CrashingDisk::flip(const std::string& name, std::uint64_t offset, unsigned bit) {
  const std::lock_guard lock(mutex_);
  auto& inode = *files_.at(name);
  for (auto* const bytes : {&inode.now, &inode.durable}) {
    if (offset < bytes->size()) (*bytes)[offset] = static_cast<char>((*bytes)[offset] ^ (1 << bit));
  }
}

}  // namespace evmesh::support
