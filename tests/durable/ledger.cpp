#include "ledger.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

namespace evmesh::durable {

Ledger::Ledger(const std::string& path, std::uint64_t life, bool stamps)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)),
      life_(std::to_string(life) + ' '),
      stamps_(stamps) {
  if (fd_ >= 0) return;
  std::cerr << "cannot write " << path << '\n';
  std::exit(74);
}

Ledger::~Ledger() { ::close(fd_); }

void Ledger::line(const std::string& text) {
  std::string whole = life_ + text;
  if (stamps_) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    whole += ' ' + std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
  }
  whole += '\n';
  if (::write(fd_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size())) return;
  std::cerr << "the ledger lost a line\n";
  std::exit(74);
}

}  // namespace evmesh::durable
