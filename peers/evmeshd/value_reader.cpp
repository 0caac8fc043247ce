#include "evmeshd/value_reader.hpp"

#include <charconv>

#include "base/text.hpp"

#include "common/duration.hpp"
#include "evmeshd/size.hpp"

namespace evmesh::daemon {

using peers::ExitCode;
using peers::Failure;

std::vector<std::string> ValueReader::texts(std::string_view name) {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  for (std::size_t index = 0; index < found->second.texts.size(); ++index) {
    const std::string& text = found->second.texts[index];
    if (!base::printable(text))
      complain(name, base::quoted(text) + " holds control characters or is not UTF-8", index);
    if (text.empty()) complain(name, "the value is empty; leave the option out instead", index);
  }
  return found->second.texts;
}

std::string ValueReader::text(std::string_view name) {
  const auto all = texts(name);
  return all.empty() ? std::string() : all.front();
}

std::chrono::milliseconds ValueReader::duration(std::string_view name) {
  const std::string written = text(name);
  auto read = peers::parse_duration(written);
  const bool bare = !written.empty() && written.find_first_not_of("0123456789") == std::string::npos;
  if (!read && bare)
    complain(name, base::quoted(written) + " has no unit; write " + base::quoted(written + "s") + " or " +
                       base::quoted(written + "ms"));
  return taken(name, std::move(read), std::chrono::milliseconds{0});
}

std::uint64_t ValueReader::size(std::string_view name) {
  return taken(name, peers::parse_size(text(name)), std::uint64_t{0});
}

std::uint32_t ValueReader::count(std::string_view name, std::uint32_t low, std::uint32_t high) {
  const std::string written = text(name);
  std::uint32_t value = 0;
  const char* end = written.data() + written.size();
  const auto read = std::from_chars(written.data(), end, value);
  if (read.ec == std::errc{} && read.ptr == end && value >= low && value <= high) return value;
  complain(name, base::quoted(written) + " must be a whole number from " + std::to_string(low) + " to " +
                     std::to_string(high));
  return low;
}

double ValueReader::fraction(std::string_view name) {
  const std::string written = text(name);
  double value = 0;
  const char* end = written.data() + written.size();
  const auto read = std::from_chars(written.data(), end, value, std::chars_format::fixed);
  if (read.ec == std::errc{} && read.ptr == end && value >= 0 && value <= 1) return value;
  complain(name, base::quoted(written) + " must be a number from 0 to 1, for example 0.5");
  return 0;
}

bool ValueReader::is_set(std::string_view name) {
  if (values_.find(name) == values_.end()) return false;
  return one_of<bool>(
      name, {{"true", true}, {"false", false}, {"yes", true}, {"no", false}, {"1", true}, {"0", false}});
}

bool ValueReader::given(std::string_view name) const {
  const auto found = values_.find(name);
  return found != values_.end() && found->second.wrong != ExitCode::bug;
}

std::string ValueReader::place(std::string_view name, std::size_t index) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return "--" + std::string(name);
  const OptionValue& value = found->second;
  const std::string& origin = index < value.lines.size() ? value.lines[index] : value.origin;
  // A flag's origin says its name already.
  return origin == "--" + std::string(name) ? origin : origin + ": " + std::string(name);
}

void ValueReader::complain(std::string_view name, const std::string& why, std::size_t index) {
  if (complaint_) return;
  const auto found = values_.find(name);
  complaint_ = Failure{found == values_.end() ? ExitCode::usage : found->second.wrong,
                       place(name, index) + ": " + why};
}

void ValueReader::check(std::string_view name, const Result<void>& checked, std::size_t index) {
  if (!checked) complain(name, checked.error().message, index);
}

void ValueReader::none_of(std::string_view name, const std::string& written, const std::string& choices) {
  complain(name, base::quoted(written) + " is none of: " + choices);
}

}  // namespace evmesh::daemon
