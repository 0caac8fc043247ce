#pragma once

#include <cstdint>
#include <string>

namespace evmesh::durable {

/// A file to which every thread appends whole lines, one write each: what was
/// written outlives the process, however it ends. The first word of each line
/// is the number of the life, the last one the time if asked for. Ends the process when it cannot write.
/// Thread-safe.
class Ledger {
 public:
  Ledger(const std::string& path, std::uint64_t life, bool stamps);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  void line(const std::string& text);

 private:
  const int fd_;
  const std::string life_;
  const bool stamps_;
};

}  // namespace evmesh::durable
