#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/listener.hpp>

#include "bus/uplink.hpp"
#include "registry/registry.hpp"
#include "routing/types.hpp"

namespace evmesh::testing {

using base::MonoTime;

/// A key or each-node registration.
struct Place {
  std::size_t bus = 0;
  registry::RegistrationHandle handle = 0;
  registry::ListenerHandle listener_handle = 0;
  std::shared_ptr<Listener> listener;  // shared with the application, which handed it in
  std::string name;
  ExecutionMode mode = ExecutionMode::synchronous;
  bool serial = false;
  std::vector<RegistrationKey> keys;  // sorted
  bool each_node = false;
  std::uint64_t version = 0;  // of the announcement that says so
  MonoTime since{};
  bool open = true;
};

/// Who listens on one bus of one process. Thread-bound.
class Audience {
 public:
  using Change = bus::Uplink::InterestChange;

  Audience();

  /// Fills in handles. Errors: too_many_registrations, invalid_argument (registered with other options).
  [[nodiscard]] Result<Change> add(const std::shared_ptr<Place>& place, Timestamp since);
  Change remove(Place& place);

  struct Heard {
    std::shared_ptr<Place> place;
    std::optional<std::size_t> key;  // of those asked for, the first that matched
  };
  /// Each listener once, in the order of registration.
  [[nodiscard]] std::vector<Heard> match(std::span<const RegistrationKey> keys) const;
  /// The same of one listener; nothing when it listens no more.
  [[nodiscard]] std::optional<Heard> match(registry::ListenerHandle listener,
                                           std::span<const RegistrationKey> keys) const;
  void match(std::span<const std::string_view> keys, std::vector<routing::Match>& out) const;
  void everyone(std::vector<routing::Match>& out) const;
  /// A place of this listener; null when it listens no more.
  [[nodiscard]] std::shared_ptr<Place> any(registry::ListenerHandle listener) const;
  [[nodiscard]] const std::map<registry::RegistrationHandle, std::shared_ptr<Place>>& places() const {
    return places_;
  }

 private:
  registry::Registry registry_;
  std::map<registry::RegistrationHandle, std::shared_ptr<Place>> places_;
  registry::RegistrationHandle last_handle_ = 0;
};

}  // namespace evmesh::testing
