#include "event/instant.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>

namespace evmesh::event {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::size_t seconds_length = 19;  // 2024-03-01T09:30:00

/// `count` digits at `at`, nothing else.
std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t count) {
  unsigned value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

bool has_shape(std::string_view text) {
  return text.size() > seconds_length && text.back() == 'Z' && text[4] == '-' && text[7] == '-' &&
         text[10] == 'T' && text[13] == ':' && text[16] == ':';
}

/// ".25" as 250,000,000 nanoseconds; empty is zero.
std::optional<nanoseconds> parse_fraction(std::string_view text) {
  if (text.empty()) return nanoseconds{0};
  if (text.front() != '.' || text.size() < 2 || text.size() > 10) return std::nullopt;
  const auto value = digits(text, 1, text.size() - 1);
  if (!value) return std::nullopt;

  std::int64_t nanos = *value;
  for (std::size_t i = text.size(); i < 10; ++i) nanos *= 10;
  return nanoseconds{nanos};
}

template <class Duration>
void append_time(std::string& out, std::chrono::sys_time<Duration> time) {
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<nanoseconds> clock{time - day};
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()));
  out.append(text, static_cast<std::size_t>(length));

  const long nanos = static_cast<long>(clock.subseconds().count());
  if (nanos != 0) {
    std::snprintf(text, sizeof text, ".%09ld", nanos);
    out.append(text, nanos % 1'000'000 == 0 ? 4 : nanos % 1'000 == 0 ? 7 : 10);
  }
  out += 'Z';
}

}  // namespace

void append_instant(std::string& out, mailbox::Instant instant) { append_time(out, instant); }

std::string format_instant(Timestamp time) {
  std::string out;
  append_time(out, time);
  return out;
}

std::optional<mailbox::Instant> parse_instant(std::string_view text) {
  if (!has_shape(text)) return std::nullopt;
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  const auto fraction = parse_fraction(text.substr(seconds_length, text.size() - seconds_length - 1));
  if (!year || !month || !day || !hour || !minute || !second || !fraction) return std::nullopt;

  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{*month}, std::chrono::day{*day}};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  // One day inside what 64 bits of nanoseconds hold, so that the sum below cannot overflow.
  constexpr auto first = floor<days>(mailbox::Instant::min()) + days{2};
  constexpr auto last = floor<days>(mailbox::Instant::max()) - days{2};
  const std::chrono::sys_days midnight = date;
  if (midnight < first || midnight > last) return std::nullopt;
  return midnight + hours{*hour} + minutes{*minute} + seconds{*second} + *fraction;
}

}  // namespace evmesh::event
