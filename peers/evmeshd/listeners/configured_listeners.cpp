#include "evmeshd/listeners/configured_listeners.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fnmatch.h>

#include "base/log_sink.hpp"

#include "evmeshd/listeners/event_fields.hpp"
#include "evmeshd/listeners/exec_listener.hpp"
#include "evmeshd/listeners/file_listener.hpp"

namespace evmesh::daemon {
namespace {

using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::chrono::seconds time_to_end{4};

constexpr std::chrono::seconds receipts_time{3};

/// A program is ended by us at its timeout; the bus gives it up only when that did not help.
constexpr std::chrono::seconds time_to_die{15};

std::function<bool(const Event&)> filter_of(const std::vector<std::string>& globs) {
  if (globs.empty()) return {};
  return [globs](const Event& event) {
    return std::ranges::any_of(globs, [&](const std::string& glob) {
      return ::fnmatch(glob.c_str(), event.type().c_str(), 0) == 0;
    });
  };
}

GroupOptions group_options(const ListenerSpec& spec) {
  const bool exec = spec.type == ListenerType::exec;
  return {.retry = spec.retry,
          .concurrency = spec.concurrency,
          .execution_timeout = spec.timeout + (exec ? time_to_die : std::chrono::seconds{0})};
}

}  // namespace

Outcome<void> ConfiguredListeners::start(Node& node, const std::vector<ListenerSpec>& listeners) {
  node_name_ = node.status().name;
  for (const ListenerSpec& spec : listeners) {
    if (auto added = add(node, spec); !added) {
      return end_with(ExitCode::config,
                      spec.origin + ": [listener." + spec.name + "]: " + added.error().message);
    }
    base::log(log_, LogLevel::info, "listener",
              {{"name", spec.name},
               {"type", std::string(to_string(spec.type))},
               {"bus", spec.bus},
               {"hears", spec.group       ? "group " + spec.group->to_string()
                         : spec.each_node ? "each-node"
                                          : std::to_string(spec.keys.size()) + " keys"}});
  }
  await_receipts();
  return {};
}

/// What is ready hears what its peers dispatch from now on, unless they do not answer.
void ConfiguredListeners::await_receipts() const {
  const auto deadline = std::chrono::steady_clock::now() + receipts_time;
  for (const Registration& registration : registrations_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    const auto receipt = registration.receipt(
        std::max(std::chrono::floor<std::chrono::milliseconds>(left), std::chrono::milliseconds{0}));
    for (const std::string& peer : receipt.missing) {
      base::log(log_, LogLevel::warning, "listener_unknown_to_peer", {{"peer", peer}});
    }
  }
}

Result<void> ConfiguredListeners::add(Node& node, const ListenerSpec& spec) {
  auto bus = node.bus(spec.bus);
  if (!bus) return tl::unexpected(bus.error());
  auto listener = make(spec);
  const RegisterOptions at_once{.receipt_timeout = std::chrono::milliseconds{0}};  // waited for together
  auto registered = spec.group
                        ? (*bus)->register_listener(std::move(listener), *spec.group, group_options(spec))
                    : spec.each_node ? (*bus)->register_each_node(std::move(listener), at_once)
                                     : (*bus)->register_listener(std::move(listener), spec.keys, at_once);
  if (!registered) return tl::unexpected(registered.error());
  registrations_.push_back(std::move(*registered));
  return {};
}

std::shared_ptr<Listener> ConfiguredListeners::make(const ListenerSpec& spec) {
  // Nobody who dispatches an event waits for what the configuration does with it.
  ListenerTraits traits{
      .name = spec.name, .mode = ExecutionMode::asynchronous, .handles = filter_of(spec.events)};
  switch (spec.type) {
    case ListenerType::exec: {
      const ExecListener::Context context{children_, log_, node_name_};
      return make_listener([exec = std::make_shared<ExecListener>(spec, context)](
                               const Delivery& delivery) { return exec->handle(delivery); },
                           std::move(traits));
    }
    case ListenerType::file:
      return make_listener([file = std::make_shared<FileListener>(spec.file, spec.bus)](
                               const Delivery& delivery) { return file->handle(delivery); },
                           std::move(traits));
    case ListenerType::count:
      return make_listener([&count = counts_.emplace_back(spec.name).events](
                               const Event&) { count.fetch_add(1, std::memory_order_relaxed); },
                           std::move(traits));
    case ListenerType::log: break;
  }
  return make_listener(
      [this, spec](const Delivery& delivery) {
        base::log(log_, spec.level, "event", event_fields(delivery, spec));
      },
      std::move(traits));
}

void ConfiguredListeners::stop() { children_.begin(std::chrono::steady_clock::now() + time_to_end); }

std::map<std::string, std::uint64_t> ConfiguredListeners::counters() const {
  std::map<std::string, std::uint64_t> all;
  for (const Count& count : counts_) {
    all["evmesh_configured_listener_events_total{listener=\"" + count.name + "\"}"] =
        count.events.load(std::memory_order_relaxed);
  }
  return all;
}

}  // namespace evmesh::daemon
