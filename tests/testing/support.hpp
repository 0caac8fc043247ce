#pragma once

#include <string>
#include <vector>

#include <evmesh/evmesh.hpp>
#include <evmesh/testing.hpp>

namespace evmesh::testing {

inline RegistrationKey key_of(std::string_view value) { return RegistrationKey::make("Mailbox", value).value(); }
inline Group group_of(std::string_view name) { return Group::parse(name).value(); }
inline Event note(std::string payload) { return Event({.type = "note", .payload = std::move(payload)}); }

/// A listener that keeps what it heard, as many as share it.
inline std::shared_ptr<Listener> keeper(std::vector<std::string>& heard) {
  return make_listener([&heard](const Event& event) { heard.push_back(event.payload()); });
}

}  // namespace evmesh::testing
