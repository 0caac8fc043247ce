#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include <evmesh/evmesh.hpp>

/// Counts what each user did; an event without a user is refused and becomes a dead letter. Thread-safe.
class CountingListener final : public evmesh::Listener {
 public:
  [[nodiscard]] std::string name() const override { return "counting"; }

  evmesh::Outcome handle(const evmesh::Delivery& delivery) override;

  [[nodiscard]] std::uint64_t count(const std::string& user) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;
};
