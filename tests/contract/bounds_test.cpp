// Every bound a caller can meet, at it and one past it, and arguments that break a rule.
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t mib = 1'048'576;

Event event_of(EventFields fields) {
  if (fields.type.empty()) fields.type = "Sample";
  return Event(std::move(fields));
}

Event typed(std::string type) {
  EventFields fields;
  fields.type = std::move(type);
  return Event(std::move(fields));
}

Event by_user(std::string user) {
  EventFields fields;
  fields.user = std::move(user);
  return event_of(std::move(fields));
}

Event with_headers(Headers headers) {
  EventFields fields;
  fields.headers = std::move(headers);
  return event_of(std::move(fields));
}

Headers headers_of(std::size_t count) {
  Headers headers;
  for (std::size_t i = 0; i < count; ++i) headers["h" + std::to_string(i)] = "v";
  return headers;
}

std::vector<RegistrationKey> keys_of(std::size_t count) {
  std::vector<RegistrationKey> keys;
  keys.reserve(count);
  for (std::size_t i = 0; i < count; ++i) keys.push_back(key("K:" + std::to_string(i)));
  return keys;
}

std::vector<KeyedEvent> batch_of(std::size_t count, std::size_t payload_bytes) {
  return std::vector<KeyedEvent>(count, KeyedEvent{sample(std::string(payload_bytes, 'x')), {}});
}

/// A refused event names its cause and reaches nobody: the group counts what arrives.
template <class Dispatch>
ErrorCode refused_and_unseen(EventBus& bus, Dispatch dispatch) {
  const auto listener = recorder();
  const auto registration = must(bus.register_listener(listener, group_a()));
  const Result<Receipt> result = dispatch();
  const ErrorCode code = code_of(result);
  CHECK_FALSE(result.error().message.empty());
  must(bus.drain(patience));
  CHECK(listener->entered() == 0);
  return code;
}

}  // namespace

EVMESH_CONTRACT("an event of exactly one mebibyte is accepted", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(cluster.bus().dispatch(sample(std::string(mib, 'x'))).has_value());
}

EVMESH_CONTRACT("an event of one byte more than a mebibyte is refused", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(refused_and_unseen(cluster.bus(), [&] {
          return cluster.bus().dispatch(sample(std::string(mib + 1, 'x')));
        }) == ErrorCode::event_too_large);
}

EVMESH_CONTRACT("headers count towards the size of an event", "[bounds][forgotten]") {
  TestType cluster;
  EventFields at_bound;
  at_bound.headers = {{"name", "value"}};
  at_bound.payload = std::string(mib - 9, 'x');
  EventFields past_it = at_bound;
  past_it.payload += 'x';

  CHECK(cluster.bus().dispatch(event_of(at_bound)).has_value());
  CHECK(code_of(cluster.bus().dispatch(event_of(past_it))) == ErrorCode::event_too_large);
}

EVMESH_CONTRACT("a body is held against the limit by its encoded bytes in the mesh, whoever listens",
                "[bounds][forgotten]") {
  TestType cluster;
  const bool mesh = cluster.mode() != Mode::mono;
  const auto listener = recorder();
  const auto dispatch = [&](std::size_t bytes) {
    return cluster.bus().dispatch(with_body(std::make_shared<SizedBody>(bytes)), k1());
  };

  for (const bool listens : {false, true}) {
    std::optional<Registration> registration;
    if (listens) registration = must(cluster.bus().register_listener(listener, k1()));
    CHECK(dispatch(mib).has_value());
    const auto larger = dispatch(mib + 1);
    REQUIRE(larger.has_value() != mesh);
    if (mesh) CHECK(code_of(larger) == ErrorCode::event_too_large);
  }
  CHECK(listener->completed() == (mesh ? 1 : 2));
}

EVMESH_CONTRACT("the bodies of a batch are held against its limit by their encoded bytes in the mesh",
                "[bounds][forgotten]") {
  TestType cluster;
  const bool mesh = cluster.mode() != Mode::mono;
  const auto batch = [](std::size_t last) {
    const auto body = [](std::size_t bytes) { return with_body(std::make_shared<SizedBody>(bytes)); };
    return std::vector<KeyedEvent>{{body(mib / 2), {}}, {body(last), {}}};
  };

  CHECK(cluster.bus().dispatch(batch(mib / 2)).has_value());
  const auto larger = cluster.bus().dispatch(batch(mib / 2 + 1));
  REQUIRE(larger.has_value() != mesh);
  if (mesh) CHECK(code_of(larger) == ErrorCode::batch_too_large);
}

EVMESH_CONTRACT("the size of events is an option", "[bounds][forgotten]") {
  TestType cluster(ClusterSettings{1, [](NodeOptions& options) { options.event_size_bytes_max = 1000; }});

  CHECK(cluster.bus().dispatch(sample(std::string(1000, 'x'))).has_value());
  CHECK(code_of(cluster.bus().dispatch(sample(std::string(1001, 'x')))) == ErrorCode::event_too_large);
}

EVMESH_CONTRACT("an event of 256 keys is accepted and reaches the listener of the last",
                "[bounds][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, key("K:255")));

  must(cluster.bus().dispatch(sample(), keys_of(256)));

  cluster.settle();
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("an event of 257 keys is refused", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(refused_and_unseen(cluster.bus(), [&] { return cluster.bus().dispatch(sample(), keys_of(257)); }) ==
        ErrorCode::too_many_keys);
}

EVMESH_CONTRACT("a batch of 1024 events is accepted, an empty one too", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(cluster.bus().dispatch(batch_of(1024, 1)).has_value());
  CHECK(cluster.bus().dispatch(batch_of(0, 1)).has_value());
}

EVMESH_CONTRACT("a batch of 1025 events is refused", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(refused_and_unseen(cluster.bus(), [&] { return cluster.bus().dispatch(batch_of(1025, 1)); }) ==
        ErrorCode::batch_too_large);
}

EVMESH_CONTRACT("a batch of exactly one mebibyte is accepted", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(cluster.bus().dispatch(batch_of(4, mib / 4)).has_value());
}

EVMESH_CONTRACT("a batch of one byte more than a mebibyte is refused", "[bounds][forgotten]") {
  TestType cluster;
  std::vector<KeyedEvent> batch = batch_of(4, mib / 4);
  batch.push_back({sample("x"), {}});

  CHECK(refused_and_unseen(cluster.bus(), [&] { return cluster.bus().dispatch(batch); }) ==
        ErrorCode::batch_too_large);
}

EVMESH_CONTRACT("a batch with one event of 257 keys is refused", "[bounds][forgotten]") {
  TestType cluster;
  const std::vector<KeyedEvent> batch{{sample(), {}}, {sample(), keys_of(257)}};

  CHECK(refused_and_unseen(cluster.bus(), [&] { return cluster.bus().dispatch(batch); }) ==
        ErrorCode::too_many_keys);
}

EVMESH_CONTRACT("the type of an event has 1 to 255 bytes", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(cluster.bus().dispatch(typed(std::string(255, 't'))).has_value());
  CHECK(code_of(cluster.bus().dispatch(typed(std::string(256, 't')))) == ErrorCode::invalid_argument);
  CHECK(code_of(cluster.bus().dispatch(typed(""))) == ErrorCode::invalid_argument);
}

EVMESH_CONTRACT("the user of an event has 0 to 255 bytes", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(cluster.bus().dispatch(by_user("")).has_value());
  CHECK(cluster.bus().dispatch(by_user(std::string(255, 'u'))).has_value());
  CHECK(code_of(cluster.bus().dispatch(by_user(std::string(256, 'u')))) == ErrorCode::invalid_argument);
}

EVMESH_CONTRACT("type and user are UTF-8 without control characters, the payload may be any bytes",
                "[bounds][forgotten]") {
  TestType cluster;

  CHECK(code_of(cluster.bus().dispatch(typed("a\nb"))) == ErrorCode::invalid_argument);
  CHECK(code_of(cluster.bus().dispatch(typed("\xff"))) == ErrorCode::invalid_argument);
  CHECK(code_of(cluster.bus().dispatch(by_user("\xc3"))) == ErrorCode::invalid_argument);
  CHECK(cluster.bus().dispatch(by_user("j\xc3\xb6rg")).has_value());
  CHECK(cluster.bus().dispatch(sample(std::string("\0\xff\n", 3))).has_value());
}

EVMESH_CONTRACT("an event has at most 32 headers", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(cluster.bus().dispatch(with_headers(headers_of(32))).has_value());
  CHECK(code_of(cluster.bus().dispatch(with_headers(headers_of(33)))) == ErrorCode::invalid_argument);
}

EVMESH_CONTRACT("the headers of an event have at most 8 KiB together", "[bounds][forgotten]") {
  TestType cluster;

  CHECK(cluster.bus().dispatch(with_headers({{"name", std::string(8188, 'v')}})).has_value());
  CHECK_FALSE(cluster.bus().dispatch(with_headers({{"name", std::string(8189, 'v')}})).has_value());
}

EVMESH_CONTRACT("a node holds 250,000 keys and refuses the next until one is given back",
                "[bounds][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  auto registration = must(cluster.bus().register_listener(listener, keys_of(249'999)));
  auto last = must(cluster.bus().register_listener(listener, key("Last:1")));

  CHECK(code_of(cluster.bus().register_listener(listener, key("Last:2"))) ==
        ErrorCode::too_many_registrations);
  CHECK(cluster.bus().register_listener(recorder(), key("K:0")).has_value());

  CHECK(last.unregister() == Unregistered::done);
  CHECK(cluster.bus().register_listener(listener, key("Last:2")).has_value());
}

EVMESH_CONTRACT("a refused registration of several keys registers none of them", "[bounds][forgotten]") {
  TestType cluster;
  const auto registration = must(cluster.bus().register_listener(recorder(), keys_of(249'999)));
  const std::vector<RegistrationKey> keys{key("Last:1"), key("Last:2")};

  CHECK(code_of(cluster.bus().register_listener(recorder(), keys)) == ErrorCode::too_many_registrations);

  CHECK(must(cluster.bus().dispatch(sample(), key("Last:1"))).listeners == 0);
  CHECK(cluster.bus().register_listener(recorder(), key("Last:1")).has_value());
}

EVMESH_CONTRACT("a registration without a listener or without keys is refused", "[bounds][forgotten]") {
  TestType cluster;
  const std::vector<RegistrationKey> no_keys;

  CHECK(code_of(cluster.bus().register_listener(recorder(), no_keys)) == ErrorCode::invalid_argument);
  CHECK(code_of(cluster.bus().register_listener(nullptr, k1())) == ErrorCode::invalid_argument);
  CHECK(code_of(cluster.bus().register_listener(nullptr, group_a())) == ErrorCode::invalid_argument);
}

EVMESH_CONTRACT("a group's concurrency is 1 to 64", "[bounds][forgotten]") {
  TestType cluster;
  const auto with = [&](std::uint32_t concurrency) {
    GroupOptions options;
    options.concurrency = concurrency;
    return cluster.bus().register_listener(recorder(), group_a(), options);
  };

  CHECK(with(1).has_value());
  CHECK(with(64).has_value());
  CHECK(code_of(with(0)) == ErrorCode::invalid_argument);
  CHECK(code_of(with(65)) == ErrorCode::invalid_argument);
}

EVMESH_CONTRACT("an unknown bus is refused with the names of those there are", "[bounds][forgotten]") {
  TestType cluster(with_buses({"mailboxEvent", "contentDeletion"}));

  const auto unknown = cluster.node().bus("jmapEvent");

  CHECK(code_of(unknown) == ErrorCode::invalid_argument);
  CHECK(unknown.error().message.find("jmapEvent") != std::string::npos);
  CHECK(unknown.error().message.find("mailboxEvent") != std::string::npos);
  CHECK(unknown.error().message.find("contentDeletion") != std::string::npos);
}

}  // namespace evmesh::contract
