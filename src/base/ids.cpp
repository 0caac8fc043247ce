#include <evmesh/ids.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <charconv>
#include <chrono>
#include <optional>
#include <span>

#include <pthread.h>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace evmesh {
namespace {

constexpr std::size_t text_length = 36;

bool dash_at(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

std::optional<std::uint8_t> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != text_length) return std::nullopt;

  Uuid uuid;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (dash_at(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const std::optional<std::uint8_t> digit = hex_digit(text[i]);
    if (!digit) return std::nullopt;
    std::uint8_t& byte = uuid.bytes[digits / 2];
    byte = static_cast<std::uint8_t>((byte << 4) | *digit);
    ++digits;
  }
  return uuid;
}

template <class Id>
Result<Id> parse_as(std::string_view text) {
  return Uuid::parse(text).map([](const Uuid& uuid) { return Id{uuid}; });
}

/// Ids hold random bits already; folding them is enough.
std::size_t fold(const Uuid& id) {
  const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(id.bytes);
  return static_cast<std::size_t>(halves[0] ^ halves[1]);
}

/// Grows in the child of every fork, where the random bytes in stock must not be used a second time.
std::atomic<std::uint64_t> forks{0};

/// Random bytes bought in bulk: asking the kernel for each id is most of its cost. Thread-bound; there is one per thread.
class RandomStock {
 public:
  void fill(std::span<std::uint8_t> out) {
    if (used_ + out.size() > stock_.size() || seen_forks_ != forks.load(std::memory_order_relaxed)) refill();
    std::copy_n(stock_.begin() + static_cast<std::ptrdiff_t>(used_), out.size(), out.begin());
    used_ += out.size();
  }

 private:
  void refill() {
    static const int registered = pthread_atfork(nullptr, nullptr, [] { ++forks; });
    static_cast<void>(registered);  // fails without memory only, and then nobody has forked in peace anyway
    seen_forks_ = forks.load(std::memory_order_relaxed);
    base::SystemRandom{}.fill_in_bulk(std::as_writable_bytes(std::span(stock_)));
    used_ = 0;
  }

  std::array<std::uint8_t, 4096> stock_{};
  std::size_t used_ = stock_.size();
  std::uint64_t seen_forks_ = 0;
};

}  // namespace

std::string Uuid::to_string() const {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(text_length);
  for (const std::uint8_t byte : bytes) {
    if (dash_at(text.size())) text += '-';
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

Result<Uuid> Uuid::parse(std::string_view text) {
  if (const std::optional<Uuid> uuid = parse_uuid(text)) return *uuid;
  return fail(
      ErrorCode::invalid_argument,
      base::quoted(text) + " is not a UUID; write 36 characters like 0b8f5c1e-4a5d-4f0e-9a3e-2b7f6f7d1c01");
}

EventId EventId::fresh() { return fresh(base::SystemClock{}.wall()); }

EventId EventId::fresh(std::chrono::sys_time<std::chrono::microseconds> now) {
  thread_local RandomStock stock;
  EventId id;
  stock.fill(std::span(id.bytes).subspan(6));

  // RFC 9562 section 5.7: 48 bits of Unix milliseconds, version 7, variant 2, the rest random.
  const auto milliseconds =
      static_cast<std::uint64_t>(std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()).count());
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(milliseconds >> (8 * (5 - i)));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (id.bytes[6] & 0x0f));
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  return id;
}

Result<EventId> EventId::parse(std::string_view text) { return parse_as<EventId>(text); }

std::string DispatchId::to_string() const {
  return owner.to_string() + '/' + std::to_string(epoch) + '/' + std::to_string(seq);
}

Result<DispatchId> DispatchId::parse(std::string_view text) {
  DispatchId id;
  const auto number = [&](std::size_t begin, std::size_t end, std::uint64_t& to) {
    const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, to);
    return error == std::errc{} && rest == text.data() + end;
  };
  const std::size_t second = text.find('/', text_length + 1);
  const auto owner = text.size() > text_length && text[text_length] == '/' ? NodeId::parse(text.substr(0, text_length))
                                                                           : fail(ErrorCode::invalid_argument, {});
  if (!owner || second == std::string_view::npos || !number(text_length + 1, second, id.epoch) ||
      !number(second + 1, text.size(), id.seq)) {
    return fail(ErrorCode::invalid_argument, base::quoted(text) + " is no dispatch id; write OWNER/EPOCH/SEQ as a receipt does");
  }
  id.owner = *owner;
  return id;
}

Result<NodeId> NodeId::parse(std::string_view text) { return parse_as<NodeId>(text); }

}  // namespace evmesh

std::size_t std::hash<evmesh::NodeId>::operator()(const evmesh::NodeId& id) const noexcept {
  return evmesh::fold(id);
}

std::size_t std::hash<evmesh::EventId>::operator()(const evmesh::EventId& id) const noexcept {
  return evmesh::fold(id);
}
