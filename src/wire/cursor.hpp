#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "wire/frames.hpp"

namespace evmesh::wire {

/// The elements ascend by `order(element)` and none comes twice: a list has one form only.
template <class T, class Order>
[[nodiscard]] bool ascending(const std::vector<T>& list, Order order) {
  const auto not_below = [&](const T& left, const T& right) { return order(left) >= order(right); };
  return std::ranges::adjacent_find(list, not_below) == list.end();
}

/// Appends fields to a frame. `Writer` and `Reader` have the same functions, so that one text (bodies.hpp)
/// says what a frame holds, in both directions. What breaks a rule is a bug of the caller here, and the
/// peer's fault there. The string has its length when the writer ends.
class Writer {
 public:
  template <class T>
  using Ref = const T&;

  explicit Writer(std::string& out) : out_(out) {}

  void check([[maybe_unused]] bool kept) { assert(kept); }

  /// As many bytes as the type has, the lowest first.
  template <class T>
  void number(T value) {
    static_assert(std::is_unsigned_v<T> && !std::is_same_v<T, bool>);
    out_.number(value);
  }
  void flag(bool value) { out_.number(static_cast<std::uint8_t>(value ? 1 : 0)); }
  template <class Enum>
  void choice(Enum value, [[maybe_unused]] Enum first, [[maybe_unused]] Enum last) {
    assert(value >= first && value <= last);
    number(static_cast<std::uint8_t>(value));
  }
  void id(const Uuid& id) { out_.bytes(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()); }
  void text8(std::string_view text, std::size_t min, std::size_t max) {
    text_as<std::uint8_t>(text, min, max);
  }
  void text16(std::string_view text, std::size_t min, std::size_t max) {
    text_as<std::uint16_t>(text, min, max);
  }
  template <class T>
  void maybe(const std::optional<T>& value) {
    flag(value.has_value());
    if (value) number(*value);
  }
  template <class Count, class T, class Each>
  void list(const std::vector<T>& list, [[maybe_unused]] std::size_t count_max, std::size_t /*element_bytes_min*/, Each each) {
    assert(list.size() <= count_max);
    number(static_cast<Count>(list.size()));
    for (const T& element : list) each(element);
  }

  /// A duration that is not negative.
  void duration(std::chrono::milliseconds value) {
    assert(value.count() >= 0);
    number(static_cast<std::uint64_t>(value.count()));
  }
  void real(double value) { number(std::bit_cast<std::uint64_t>(value)); }
  /// Bytes of any kind behind their length.
  template <class Length>
  void blob(std::string_view bytes, [[maybe_unused]] std::size_t min, [[maybe_unused]] std::size_t max) {
    assert(bytes.size() >= min && bytes.size() <= max && max <= std::numeric_limits<Length>::max());
    number(static_cast<Length>(bytes.size()));
    out_.bytes(bytes);
  }

  void bytes(std::string_view bytes) { out_.bytes(bytes); }

 private:
  template <class Length>
  void text_as(std::string_view text, [[maybe_unused]] std::size_t min, [[maybe_unused]] std::size_t max) {
    assert(text.size() >= min && text.size() <= max && max <= std::numeric_limits<Length>::max());
    assert(base::printable(text));
    number(static_cast<Length>(text.size()));
    out_.bytes(text);
  }

  base::Appender out_;
};

/// Takes fields from a frame. The first broken rule is kept in `error`; after it every field reads as zero or
/// empty. Allocates for what is there, never for what is claimed.
class Reader {
 public:
  template <class T>
  using Ref = T&;

  explicit Reader(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] std::optional<DecodeError> error() const { return error_; }
  [[nodiscard]] std::string_view left() const { return left_; }

  void fail(DecodeError error) {
    if (!error_) error_ = error;
    left_ = {};
  }
  void check(bool kept) {
    if (!kept) fail(DecodeError::bad_value);
  }
  void skip_rest() { left_ = {}; }
  void end() {
    if (!left_.empty()) fail(DecodeError::trailing_bytes);
  }

  /// `count` bytes, or none when they are not there.
  [[nodiscard]] std::string_view take(std::size_t count) {
    if (count > left_.size()) {
      fail(DecodeError::truncated);
      return {};
    }
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(count);
    return taken;
  }

  template <class T>
  void number(T& value) {
    static_assert(std::is_unsigned_v<T> && !std::is_same_v<T, bool>);
    const std::string_view taken = take(sizeof(T));
    value = taken.empty() ? T{0} : base::get<T>(taken.data());
  }
  template <class T>
  [[nodiscard]] T take_number() {
    T value{};
    number(value);
    return value;
  }
  void flag(bool& value) {
    const auto byte = take_number<std::uint8_t>();
    check(byte <= 1);
    value = byte == 1;
  }
  template <class Enum>
  void choice(Enum& value, Enum first, Enum last) {
    const auto byte = take_number<std::uint8_t>();
    const bool known = byte >= static_cast<std::uint8_t>(first) && byte <= static_cast<std::uint8_t>(last);
    check(known);
    if (known) value = static_cast<Enum>(byte);
  }
  void id(Uuid& id) {
    const std::string_view taken = take(id.bytes.size());
    if (!taken.empty()) std::memcpy(id.bytes.data(), taken.data(), taken.size());
  }
  void text8(std::string& text, std::size_t min, std::size_t max) { text = text_as<std::uint8_t>(min, max); }
  void text16(std::string& text, std::size_t min, std::size_t max) {
    text = text_as<std::uint16_t>(min, max);
  }
  template <class T>
  void maybe(std::optional<T>& value) {
    bool present = false;
    flag(present);
    if (present) value = take_number<T>();
  }
  template <class Count, class T, class Each>
  void list(std::vector<T>& list, std::size_t count_max, std::size_t element_bytes_min, Each each) {
    const std::size_t count = take_number<Count>();
    if (count > left_.size() / element_bytes_min) return fail(DecodeError::truncated);
    if (count > count_max) return fail(DecodeError::bad_value);
    list.resize(count);
    for (T& element : list) each(element);
  }

  void duration(std::chrono::milliseconds& value) {
    const auto count = take_number<std::uint64_t>();
    check(count <= static_cast<std::uint64_t>(std::chrono::milliseconds::max().count()));
    if (!error_) value = std::chrono::milliseconds(count);
  }
  void real(double& value) { value = std::bit_cast<double>(take_number<std::uint64_t>()); }
  /// A string copies them, a view looks into the frame.
  template <class Length, class Bytes>
  void blob(Bytes& bytes, std::size_t min, std::size_t max) {
    const std::size_t size = take_number<Length>();
    const std::string_view taken = take(size);
    if (error_) return;
    check(size >= min && size <= max);
    if (!error_) bytes = taken;
  }

  /// The bytes of a text, checked.
  template <class Length>
  [[nodiscard]] std::string_view text_as(std::size_t min, std::size_t max) {
    const std::size_t size = take_number<Length>();
    const std::string_view taken = take(size);
    if (error_) return {};
    check(size >= min && size <= max && base::printable(taken));
    return error_ ? std::string_view{} : taken;
  }

 private:
  std::string_view left_;
  std::optional<DecodeError> error_;
};

}  // namespace evmesh::wire
