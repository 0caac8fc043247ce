#include "bus/node_options.hpp"

#include <algorithm>
#include <set>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::bus {
namespace {

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::invalid_argument, std::move(message));
}

Result<void> check_name(std::string_view name) {
  const bool legal = std::ranges::all_of(name, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
  if (legal && name.size() <= limits::node_name_bytes_max) return {};
  return invalid("node name " + base::quoted(name) + " must be 1 to " +
                 std::to_string(limits::node_name_bytes_max) + " characters of A-Z a-z 0-9 . _ -");
}

Result<void> check_buses(const std::vector<std::string>& buses) {
  if (buses.empty() || buses.size() > limits::buses_max) {
    return invalid(std::to_string(buses.size()) + " buses; a node has 1 to " +
                   std::to_string(limits::buses_max));
  }
  std::set<std::string_view> names;
  for (const std::string& name : buses) {
    if (!Group::parse(name)) {
      return invalid("bus name " + base::quoted(name) + " must be 1 to " +
                     std::to_string(limits::group_bytes_max) + " characters of A-Z a-z 0-9 . _ $ -");
    }
    if (!names.insert(name).second) return invalid("bus name " + base::quoted(name) + " is given twice");
  }
  return {};
}

Result<void> check_range(std::string_view option, std::uint64_t value, std::uint64_t low,
                         std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return invalid(std::string(option) + " is " + std::to_string(value) + "; it must be " +
                 std::to_string(low) + " to " + std::to_string(high));
}

Result<void> check_time(std::string_view option, std::chrono::milliseconds value) {
  if (value.count() >= 0) return {};
  return invalid(std::string(option) + " is " + std::to_string(value.count()) +
                 " ms; it must not be negative");
}

Result<void> check_decoders(const NodeOptions& options) {
  if (options.decoders.size() > limits::decoders_max) {
    return invalid("there are " + std::to_string(options.decoders.size()) + " decoders; at most " +
                   std::to_string(limits::decoders_max) + " are possible");
  }
  for (const auto& [type, decoder] : options.decoders) {
    if (!decoder) return invalid("the decoder of " + base::quoted(type) + " is empty");
    if (auto good = Event({.type = type}).check(limits::event_size_bytes_max); !good) return good;
  }
  return {};
}

Result<void> check_level(const NodeOptions& options) {
  if (options.level == Level::replicated && options.mode == Mode::mono) {
    return invalid(
        "level replicated keeps copies on other nodes, and mode mono has none; use disk, or choose mode "
        "scale-efficient or broadcast");
  }
  if (options.level.value_or(Level::memory) != Level::memory && options.data_dir.empty()) {
    return invalid("level " + std::string(to_string(*options.level)) +
                   " needs a data_dir; set one, or use memory");
  }
  return check_range("copies", options.copies, 0, limits::copies_max);
}

}  // namespace

Level level_of(const NodeOptions& options) {
  if (options.level) return *options.level;
  if (options.data_dir.empty()) return Level::memory;
  return options.mode == Mode::mono ? Level::disk : Level::replicated;
}

Result<void> check_options(const NodeOptions& options) {
  if (auto checked = check_level(options); !checked) return checked;
  if (auto checked = check_name(options.name); !checked) return checked;
  if (auto checked = check_buses(options.buses); !checked) return checked;
  if (options.payload == PayloadFormat::raw)
    return invalid("payload must be json or binary; raw is not for bodies");
  if (auto checked =
          check_range("event_size_bytes_max", options.event_size_bytes_max, 1, limits::event_size_bytes_max);
      !checked) {
    return checked;
  }
  if (auto checked = check_range("journal_reserve_bytes", options.journal_reserve_bytes, 8 * limits::mib, 16'384 * limits::mib);
      !checked) {
    return checked;
  }
  if (auto checked = check_range("dead_letters_bytes_max", options.dead_letters_bytes_max, limits::mib,
                                 1024 * 1024 * limits::mib);
      !checked) {
    return checked;
  }
  constexpr std::uint64_t threads_max = 1024;
  if (auto checked = check_decoders(options); !checked) return checked;
  if (auto checked = check_range("pool_threads_max", options.pool_threads_max, 1, threads_max); !checked) {
    return checked;
  }
  if (auto checked = check_range("members_max", options.members_max, 2, limits::members_max); !checked)
    return checked;
  if (auto checked = check_time("notify_wait", options.notify_wait); !checked) return checked;
  return check_time("join_timeout", options.join_timeout);
}

Result<void> check_sizes(const NodeOptions& options) {
  if (options.window_bytes < options.event_size_bytes_max) {
    return invalid("window_bytes is " + std::to_string(options.window_bytes) +
                   ", less than event_size_bytes_max (" + std::to_string(options.event_size_bytes_max) +
                   "); raise it, or lower the other");
  }
  if (options.ring_bytes_max < options.window_bytes) {
    return invalid("ring_bytes_max is " + std::to_string(options.ring_bytes_max) +
                   ", less than window_bytes (" + std::to_string(options.window_bytes) +
                   "); raise it, or peers in step would miss events");
  }
  return {};
}

Result<void> check_mono_options(const NodeOptions& options) {
  const auto contradiction = [](std::string_view option, const std::string& value) {
    return invalid("mode mono has no mesh, but " + std::string(option) + " is " + base::quoted(value) +
                   "; leave it out, or choose mode scale-efficient or broadcast");
  };
  if (!options.seeds.empty()) return contradiction("seeds", options.seeds.front());
  if (!options.listen.empty()) return contradiction("listen", options.listen);
  if (!options.advertise.empty()) return contradiction("advertise", options.advertise);
  return {};
}

std::string name_of(const NodeOptions& options, const Uuid& id) {
  return options.name.empty() ? "node-" + id.to_string().substr(0, 8) : options.name;
}

}  // namespace evmesh::bus
