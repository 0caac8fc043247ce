#include "base/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace evmesh::base {
namespace {

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

/// `tables[n][b]`: what byte b does to the sum n bytes later.
constexpr Table make_tables() {
  Table tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t sum = byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1U) != 0 ? 0x82f63b78U : 0U);
    tables[0][byte] = sum;
  }
  for (std::size_t later = 1; later < tables.size(); ++later) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t sum = tables[later - 1][byte];
      tables[later][byte] = (sum >> 8) ^ tables[0][sum & 0xffU];
    }
  }
  return tables;
}

constexpr Table tables = make_tables();

std::uint32_t one_byte(std::uint32_t sum, char byte) {
  return (sum >> 8) ^ tables[0][(sum ^ static_cast<unsigned char>(byte)) & 0xffU];
}

std::uint32_t eight_bytes(std::uint32_t sum, const char* at) {
  std::uint32_t result = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const std::uint32_t mixed = static_cast<unsigned char>(at[i]) ^ (i < 4 ? (sum >> (8 * i)) & 0xffU : 0U);
    result ^= tables[7 - i][mixed];
  }
  return result;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_processor(std::string_view bytes, std::uint32_t sum) {
  std::uint64_t wide = sum;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  sum = static_cast<std::uint32_t>(wide);
  for (const char byte : bytes) sum = _mm_crc32_u8(sum, static_cast<unsigned char>(byte));
  return sum;
}

bool processor_can() { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__ARM_FEATURE_CRC32)
std::uint32_t by_processor(std::string_view bytes, std::uint32_t sum) {
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    sum = __crc32cd(sum, word);
  }
  for (const char byte : bytes) sum = __crc32cb(sum, static_cast<unsigned char>(byte));
  return sum;
}

constexpr bool processor_can() { return true; }
#else
std::uint32_t by_processor(std::string_view, std::uint32_t sum) { return sum; }

constexpr bool processor_can() { return false; }
#endif

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  return processor_can() ? ~by_processor(bytes, ~before) : crc32c_by_table(bytes, before);
}

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before) {
  std::uint32_t sum = ~before;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) sum = eight_bytes(sum, bytes.data());
  for (const char byte : bytes) sum = one_byte(sum, byte);
  return ~sum;
}

}  // namespace evmesh::base
