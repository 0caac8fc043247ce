#include "plan.hpp"

#include <charconv>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string_view>

namespace evmesh::durable {
namespace {

[[noreturn]] void end_with(std::string_view what, std::string_view word) {
  std::cerr << what << ": " << word << '\n';
  std::exit(64);
}

std::uint64_t number(std::string_view text, std::string_view word) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) end_with("no number", word);
  return value;
}

}  // namespace

Plan read_plan(int argument_count, char** arguments) {
  Plan plan;
  const std::map<std::string_view, std::string*> texts{
      {"directory", &plan.directory}, {"ledger", &plan.ledger}, {"seed", &plan.seed},
      {"listen", &plan.listen},       {"level", &plan.level},   {"runs", &plan.runs}};
  const std::map<std::string_view, std::uint64_t*> numbers{
      {"life", &plan.life},
      {"from", &plan.from},
      {"count", &plan.count},
      {"threads", &plan.threads},
      {"groups", &plan.groups},
      {"concurrency", &plan.concurrency},
      {"payload_bytes", &plan.payload_bytes},
      {"rate", &plan.rate},
      {"work_us", &plan.work_us},
      {"long_every", &plan.long_every},
      {"async_every", &plan.async_every},
      {"fail_every", &plan.fail_every},
      {"refuse_every", &plan.refuse_every},
      {"abort_at", &plan.abort_at},
      {"hold", &plan.hold},
      {"reserve_bytes", &plan.reserve_bytes},
      {"persist", &plan.persist},
      {"quit", &plan.quit},
      {"reopen", &plan.reopen},
      {"quiet", &plan.quiet},
      {"asynchronous", &plan.asynchronous},
      {"mesh", &plan.mesh},
      {"all_groups", &plan.all_groups},
      {"stamps", &plan.stamps},
  };
  for (int at = 1; at < argument_count; ++at) {
    const std::string_view word = arguments[at];
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) end_with("no name=value", word);
    const std::string_view name = word.substr(0, equals), value = word.substr(equals + 1);
    if (const auto text = texts.find(name); text != texts.end()) {
      *text->second = value;
    } else if (const auto known = numbers.find(name); known != numbers.end()) {
      *known->second = number(value, word);
    } else {
      end_with("unknown name", word);
    }
  }
  return plan;
}

}  // namespace evmesh::durable
