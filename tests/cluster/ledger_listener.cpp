#include "ledger_listener.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace evmesh::peer {

Ledger::Ledger(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0) {
    std::cerr << "cannot write " << path << '\n';
    std::exit(74);
  }
}

Ledger::~Ledger() { ::close(fd_); }

void Ledger::line(const std::string& text) {
  const std::string whole = text + "\n";
  if (::write(fd_, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) {
    std::cerr << "the ledger lost a line\n";
    std::exit(74);
  }
}

Outcome LedgerListener::handle(const Delivery& delivery) {
  wait_while_stalled();
  if (ledger_) {
    const std::string origin = delivery.origin == nullptr
                                   ? "self 0 0"
                                   : delivery.origin->publisher.to_string() + " " +
                                         std::to_string(delivery.origin->epoch) + " " +
                                         std::to_string(delivery.origin->seq);
    // The payload may be padded behind its first word.
    const std::string& payload = delivery.event.payload();
    ledger_->line("event " + origin + " " + payload.substr(0, payload.find(' ')));
  }
  ++events_;
  return Outcome::done();
}

void LedgerListener::gap(const Gap& gap) {
  wait_while_stalled();
  if (ledger_) {
    ledger_->line("gap " + gap.publisher.to_string() + " " + std::to_string(gap.epoch) + " " + std::to_string(gap.from) +
                  " " + (gap.to ? std::to_string(*gap.to) : "end") + " " + std::string(to_string(gap.reason)));
  }
  ++gaps_;
}

void LedgerListener::stall(bool stalled) {
  {
    const std::lock_guard lock(mutex_);
    stalled_ = stalled;
  }
  released_.notify_all();
}

void LedgerListener::wait_while_stalled() {
  if (!stalled_) return;
  std::unique_lock lock(mutex_);
  released_.wait(lock, [this] { return !stalled_.load(); });
}

}  // namespace evmesh::peer
