#include <algorithm>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "samples.hpp"
#include "wire/event_codec.hpp"
#include "wire/frames.hpp"

using namespace evmesh;
using namespace evmesh::wire;
using namespace evmesh::wire::test;

namespace {

/// `bytes` in memory that ends where they end, so that AddressSanitizer sees one byte too many being read.
class Exact {
 public:
  explicit Exact(std::string_view bytes)
      : size_(bytes.size()), bytes_(std::make_unique<char[]>(bytes.size())) {
    std::ranges::copy(bytes, bytes_.get());
  }
  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

/// Calls `check` with every string that differs from `bytes` in one byte.
template <class Check>
void each_mutation(std::string bytes, Check check) {
  for (char& byte : bytes) {
    const char good = byte;
    for (int step = 1; step < 256; ++step) {
      byte = static_cast<char>(good + step);
      check(bytes);
    }
    byte = good;
  }
}

/// Refused, or in the one form that its meaning has. Newer versions have parts that this one does not keep.
bool refused_or_canonical(std::string_view bytes) {
  const Exact exact(bytes);
  const auto decoded = decode(exact.view());
  if (!decoded || decoded->header.version > version_max) return true;
  return encode(decoded->header, decoded->body) == bytes;
}

bool event_refused_or_canonical(std::string_view bytes) {
  const Exact exact(bytes);
  static_cast<void>(decode_keys(exact.view()));
  const auto decoded = decode_event(exact.view());
  if (!decoded) return true;
  std::string again;
  encode_event(decoded->event, decoded->keys, PayloadFormat::raw, again);
  return again == bytes;
}

}  // namespace

TEST_CASE("no beginning of a frame is a frame", "[wire][robustness]") {
  for (const Sample& whole : samples()) {
    for (std::size_t size = 0; size < whole.bytes.size(); ++size) {
      const Exact beginning(whole.bytes.substr(0, size));
      INFO(whole.name << " cut to " << size);

      CHECK_FALSE(decode(beginning.view()));
    }
  }
}

TEST_CASE("a body that ends early is refused even when the length says so", "[wire][robustness]") {
  for (const Sample& whole : samples()) {
    for (std::size_t size = 56; size < whole.bytes.size(); ++size) {
      const Exact beginning(with_length(whole.bytes.substr(0, size)));
      INFO(whole.name << " cut to " << size);

      const auto decoded = decode(beginning.view());

      REQUIRE_FALSE(decoded);
      CHECK(decoded.error() == DecodeError::truncated);
    }
  }
}

TEST_CASE("nothing may follow the last field", "[wire][robustness]") {
  for (const Sample& whole : samples()) {
    INFO(whole.name);

    const auto decoded = decode(with_length(whole.bytes + '\0'));

    REQUIRE_FALSE(decoded);
    CHECK(decoded.error() == DecodeError::trailing_bytes);
  }
}

TEST_CASE("a frame with one wrong byte is refused or has one form", "[wire][robustness]") {
  for (const Sample& whole : samples()) {
    std::size_t wrong = 0;
    each_mutation(whole.bytes,
                  [&](const std::string& bytes) { wrong += refused_or_canonical(bytes) ? 0U : 1U; });
    INFO(whole.name);

    CHECK(wrong == 0);
  }
}

TEST_CASE("no beginning of an event is an event", "[wire][robustness]") {
  const std::string event = from_hex(hex_of("event"));
  for (std::size_t size = 0; size < event.size(); ++size) {
    const Exact beginning(event.substr(0, size));
    INFO("cut to " << size);

    static_cast<void>(decode_keys(beginning.view()));
    const auto decoded = decode_event(beginning.view());

    REQUIRE_FALSE(decoded);
    CHECK(decoded.error() == DecodeError::truncated);
  }
}

TEST_CASE("an event with one wrong byte is refused or has one form", "[wire][robustness]") {
  std::size_t wrong = 0;

  each_mutation(from_hex(hex_of("event")),
                [&](const std::string& bytes) { wrong += event_refused_or_canonical(bytes) ? 0U : 1U; });

  CHECK(wrong == 0);
}
