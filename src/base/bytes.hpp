#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace evmesh::base {

/// Writes `value` at `to`, lowest byte first; the next byte. Compilers make one store of it.
template <std::unsigned_integral T>
char* put(char* to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) *to++ = static_cast<char>(value >> (8 * i));
  return to;
}

/// What `put` wrote at `from`.
template <std::unsigned_integral T>
[[nodiscard]] T get(const char* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i));
  }
  return value;
}

/// Appends to a string, which has its length again when this ends. Until then it is longer, so that a field costs a
/// store and no call.
class Appender {
 public:
  explicit Appender(std::string& out) : out_(out), size_(out.size()) {}
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() { out_.resize(size_); }

  template <std::unsigned_integral T>
  void number(T value) {
    if (room() < sizeof(T)) out_.resize(size_ + ahead);
    put(out_.data() + size_, value);
    size_ += sizeof(T);
  }
  void bytes(const char* data, std::size_t count) {
    if (room() < count) {
      out_.resize(size_);
      out_.append(data, count);
    } else if (count > 0) {  // no bytes need not stand anywhere
      std::memcpy(out_.data() + size_, data, count);
    }
    size_ += count;
  }
  void bytes(std::string_view bytes) { this->bytes(bytes.data(), bytes.size()); }

  /// So much longer is the string meanwhile, at most.
  static constexpr std::size_t ahead = 128;

 private:
  [[nodiscard]] std::size_t room() const { return out_.size() - size_; }

  std::string& out_;
  std::size_t size_;
};

}  // namespace evmesh::base
