#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/ids.hpp>

#include "base/bytes.hpp"

namespace evmesh::storage {

/// Appends the fields of a record. `RecordWriter` and `RecordReader` have the same functions, so that one
/// text says what a record holds, in both directions.
class RecordWriter {
 public:
  template <class T>
  using Ref = const T&;
  static constexpr bool reads = false;

  explicit RecordWriter(std::string& out) : out_(out) {}

  void check(bool /*kept*/) {}

  /// As many bytes as the type has, the lowest first.
  template <class T>
  void number(T value) {
    static_assert(std::is_unsigned_v<T> && !std::is_same_v<T, bool>);
    out_.number(value);
  }
  void id(const Uuid& id) { out_.bytes(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()); }
  void time(Timestamp time) { number(static_cast<std::uint64_t>(time.time_since_epoch().count())); }
  void span(std::chrono::milliseconds span) { number(static_cast<std::uint64_t>(span.count())); }

  /// With its length in front; what is longer than that can say is cut.
  template <class Length>
  void text(std::string_view text) {
    const std::string_view kept = text.substr(0, std::numeric_limits<Length>::max());
    number(static_cast<Length>(kept.size()));
    out_.bytes(kept);
  }
  template <class T, class Each>
  void list(const std::vector<T>& list, std::size_t /*element_bytes_min*/, Each each) {
    number(static_cast<std::uint16_t>(list.size()));
    for (const T& element : list) each(element);
  }

 private:
  base::Appender out_;
};

/// Takes fields from a record; texts are views into it. After the first broken rule every field reads as zero
/// or empty. Allocates for what is there, never for what is claimed.
class RecordReader {
 public:
  template <class T>
  using Ref = T&;
  static constexpr bool reads = true;

  explicit RecordReader(std::string_view bytes) : left_(bytes) {}

  [[nodiscard]] bool good() const { return broken_ == nullptr; }
  [[nodiscard]] const char* broken() const { return broken_; }

  void fail(const char* how) {
    if (broken_ == nullptr) broken_ = how;
    left_ = {};
  }
  void check(bool kept) {
    if (!kept) fail("a value breaks its rule");
  }
  void end() {
    if (!left_.empty()) fail("bytes follow its end");
  }
  [[nodiscard]] std::string_view take(std::size_t count) {
    if (count > left_.size()) {
      fail("it is cut short");
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
  void id(Uuid& id) {
    const std::string_view taken = take(id.bytes.size());
    if (!taken.empty()) std::memcpy(id.bytes.data(), taken.data(), taken.size());
  }
  void time(Timestamp& time) {
    std::uint64_t count = 0;
    number(count);
    time = Timestamp{std::chrono::microseconds{static_cast<std::int64_t>(count)}};
  }
  void span(std::chrono::milliseconds& span) {
    std::uint64_t count = 0;
    number(count);
    check(count <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    span = std::chrono::milliseconds{good() ? static_cast<std::int64_t>(count) : 0};
  }
  template <class Length>
  void text(std::string_view& text) {
    Length size = 0;
    number(size);
    text = take(size);
  }
  template <class T, class Each>
  void list(std::vector<T>& list, std::size_t element_bytes_min, Each each) {
    std::uint16_t count = 0;
    number(count);
    if (count > left_.size() / element_bytes_min) return fail("it is cut short");
    list.resize(count);
    for (T& element : list) each(element);
  }

 private:
  std::string_view left_;
  const char* broken_ = nullptr;
};

}  // namespace evmesh::storage
