#include "load.hpp"

#include <chrono>

namespace evmesh::peer {

Load::Load(EventBus& bus, LoadPlan plan, std::unique_ptr<Ledger> ledger)
    : bus_(bus), plan_(std::move(plan)), ledger_(std::move(ledger)), thread_([this] { run(); }) {}

void Load::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

std::string Load::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Load::run() {
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t number = 1; !stop_ && (plan_.count == 0 || number <= plan_.count); ++number) {
    if (plan_.rate != 0) {
      std::this_thread::sleep_until(begin + std::chrono::microseconds(number * 1'000'000 / plan_.rate));
    }
    if (!dispatch(number)) break;
  }
  running_ = false;
}

bool Load::dispatch(std::uint64_t number) {
  std::string payload = plan_.label + "-" + std::to_string(number);
  const std::string word = payload;
  if (payload.size() < plan_.size) payload.append(1, ' ').resize(plan_.size, '.');
  const Event event({.type = "load", .payload = std::move(payload)});
  while (!stop_) {
    const auto receipt = bus_.dispatch(event, plan_.keys[number % plan_.keys.size()]);
    if (receipt) {
      if (ledger_) ledger_->line("sent " + std::to_string(receipt->seq) + " " + word);
      ++sent_;
      return true;
    }
    if (receipt.error().code != ErrorCode::back_pressure && receipt.error().code != ErrorCode::busy) {
      const std::lock_guard lock(mutex_);
      failure_ = receipt.error().message;
      return false;
    }
    ++refused_;
  }
  return false;
}

}  // namespace evmesh::peer
