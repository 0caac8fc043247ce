#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// Names one stored dead letter; the same event stored twice gets two. Printed as a UUID.
struct DeadLetterId : Uuid {
  [[nodiscard]] static DeadLetterId fresh();
  [[nodiscard]] static Result<DeadLetterId> parse(std::string_view text);

  auto operator<=>(const DeadLetterId&) const = default;
};

/// One failed execution.
struct Attempt {
  std::uint32_t number = 1;  ///< from 1
  Timestamp time{};          ///< when it ended
  NodeId node{};             ///< where it ran; nil in mono
  std::string error;         ///< what the listener threw or said

  bool operator==(const Attempt&) const = default;
};

/// An event that a group could not handle, with what is needed to understand and repeat it.
struct DeadLetter {
  DeadLetterId id;
  Group group;
  Event event;
  std::vector<RegistrationKey> keys;
  std::vector<Attempt> attempts;  ///< oldest first
};

/// Where failed group work is kept until somebody decides. Reading never changes anything. Thread-safe.
class DeadLetters {
 public:
  DeadLetters() = default;
  DeadLetters(const DeadLetters&) = delete;
  DeadLetters& operator=(const DeadLetters&) = delete;
  virtual ~DeadLetters() = default;

  /// Keeps `event` for `group` under a new id. Errors: `storage`.
  [[nodiscard]] virtual Result<DeadLetterId> store(const Group& group, const Event& event,
                                                   std::vector<RegistrationKey> keys,
                                                   std::vector<Attempt> attempts) = 0;

  /// Removing what is not there is no error; says whether it was there.
  virtual Result<bool> remove(const Group& group, const DeadLetterId& id) = 0;

  /// Removes all of a group; says how many.
  virtual Result<std::uint64_t> remove(const Group& group) = 0;

  /// Empty when unknown.
  [[nodiscard]] virtual Result<std::optional<DeadLetter>> find(const Group& group,
                                                               const DeadLetterId& id) const = 0;

  /// In the order they were stored.
  [[nodiscard]] virtual Result<std::vector<DeadLetterId>> ids(const Group& group) const = 0;

  /// Groups that hold something, sorted.
  [[nodiscard]] virtual Result<std::vector<Group>> groups() const = 0;

  [[nodiscard]] virtual Result<bool> empty() const = 0;
};

}  // namespace evmesh
