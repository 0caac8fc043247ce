#include "bus/memory_dead_letters.hpp"

#include <string>
#include <utility>

#include "delivery/inbound_event.hpp"

namespace evmesh {

DeadLetterId DeadLetterId::fresh() { return DeadLetterId{Uuid(EventId::fresh())}; }

Result<DeadLetterId> DeadLetterId::parse(std::string_view text) {
  return Uuid::parse(text).map([](const Uuid& uuid) { return DeadLetterId{uuid}; });
}

namespace bus {
namespace {

std::uint64_t size_of(const DeadLetter& letter) {
  std::uint64_t bytes = sizeof(DeadLetter) + delivery::memory_bytes(letter.event);
  for (const RegistrationKey& key : letter.keys) bytes += sizeof(key) + key.to_string().size();
  for (const Attempt& attempt : letter.attempts) bytes += sizeof(attempt) + attempt.error.size();
  return bytes;
}

}  // namespace

MemoryDeadLetters::MemoryDeadLetters(Bounds bounds, base::Counters& counters)
    : bounds_(bounds),
      stored_(counters.named("evmesh_dead_letters_stored_total")),
      refused_(counters.named("evmesh_dead_letters_refused_total")) {}

Result<DeadLetterId> MemoryDeadLetters::store(const Group& group, const Event& event,
                                              std::vector<RegistrationKey> keys,
                                              std::vector<Attempt> attempts) {
  Row row{{DeadLetterId::fresh(), group, event, std::move(keys), std::move(attempts)}};
  row.bytes = size_of(row.letter);
  const DeadLetterId id = row.letter.id;

  const std::lock_guard lock(mutex_);
  if (count_ >= bounds_.letters_max || row.bytes > bounds_.bytes_max - bytes_) {
    refused_.add();
    return fail(ErrorCode::storage, "the dead letters in memory are full (" + std::to_string(count_) +
                                        " letters, " + std::to_string(bytes_) +
                                        " bytes); redeliver or remove some");
  }
  stored_.add();
  ++count_;
  bytes_ += row.bytes;
  Letters& letters = groups_[group];
  letters.order.emplace(id, next_);
  letters.rows.emplace(next_++, std::move(row));
  return id;
}

Result<bool> MemoryDeadLetters::remove(const Group& group, const DeadLetterId& id) {
  const std::lock_guard lock(mutex_);
  const auto letters = groups_.find(group);
  if (letters == groups_.end()) return false;
  const auto order = letters->second.order.find(id);
  if (order == letters->second.order.end()) return false;
  const auto row = letters->second.rows.find(order->second);
  --count_;
  bytes_ -= row->second.bytes;
  letters->second.rows.erase(row);
  letters->second.order.erase(order);
  if (letters->second.rows.empty()) groups_.erase(letters);
  return true;
}

Result<std::uint64_t> MemoryDeadLetters::remove(const Group& group) {
  const std::lock_guard lock(mutex_);
  const auto letters = groups_.find(group);
  if (letters == groups_.end()) return 0;
  const std::uint64_t removed = letters->second.rows.size();
  count_ -= removed;
  for (const auto& [order, row] : letters->second.rows) bytes_ -= row.bytes;
  groups_.erase(letters);
  return removed;
}

Result<std::optional<DeadLetter>> MemoryDeadLetters::find(const Group& group, const DeadLetterId& id) const {
  const std::lock_guard lock(mutex_);
  const auto letters = groups_.find(group);
  if (letters == groups_.end()) return std::nullopt;
  const auto order = letters->second.order.find(id);
  if (order == letters->second.order.end()) return std::nullopt;
  return letters->second.rows.at(order->second).letter;
}

Result<std::vector<DeadLetterId>> MemoryDeadLetters::ids(const Group& group) const {
  const std::lock_guard lock(mutex_);
  std::vector<DeadLetterId> all;
  const auto letters = groups_.find(group);
  if (letters == groups_.end()) return all;
  all.reserve(letters->second.rows.size());
  for (const auto& [order, row] : letters->second.rows) all.push_back(row.letter.id);
  return all;
}

Result<std::vector<Group>> MemoryDeadLetters::groups() const {
  const std::lock_guard lock(mutex_);
  std::vector<Group> all;
  for (const auto& [group, letters] : groups_) all.push_back(group);
  return all;
}

Result<bool> MemoryDeadLetters::empty() const {
  const std::lock_guard lock(mutex_);
  return groups_.empty();
}

}  // namespace bus
}  // namespace evmesh
