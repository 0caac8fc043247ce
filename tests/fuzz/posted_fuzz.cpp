// What HTTP clients send: a query up to the first line end, then a body for the event route. What is refused says why
// in one printable line; what is accepted is an event that can be dispatched.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "admin/posted.hpp"
#include "admin/query.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "require.hpp"

namespace {

using namespace evmesh;

void shown(const Error& error) { fuzz::require(base::printable(error.message), "an error that no log line can hold"); }

void query(std::string_view text) {
  const auto decoded = admin::percent_decoded(text);
  if (!decoded) return shown(decoded.error());
  fuzz::require(base::valid_utf8(*decoded), "a query that is no text");
  const auto equals = decoded->find('=');
  const std::string name = decoded->substr(0, equals);
  const std::multimap<std::string, std::string> values{{name, equals == std::string::npos ? "" : decoded->substr(equals + 1)}};
  const auto read = admin::Query::read(values, {"limit", "rate", "dry-run"});
  if (!read) return shown(read.error());
  if (const auto limit = read->number("limit", 7, 1, 1'000); !limit) shown(limit.error());
  else fuzz::require(*limit >= 1 && *limit <= 1'000, "a number out of its range");
  if (const auto rate = read->real("rate", 1, 0.1, 10); !rate) shown(rate.error());
  else fuzz::require(*rate >= 0.1 && *rate <= 10, "a number out of its range");
  if (const auto dry = read->flag("dry-run"); !dry) shown(dry.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto end = text.find('\n');
  query(text.substr(0, end));
  const auto posted = admin::read_posted(end == std::string_view::npos ? text : text.substr(end + 1));
  if (!posted) return shown(posted.error()), 0;
  for (const KeyedEvent& each : *posted) {
    fuzz::require(!each.event.type().empty() && !each.event.id().nil(), "an event without a name");
    fuzz::require(each.keys.size() <= limits::dispatch_keys_max, "too many keys");
  }
  return 0;
}
