// Dispatching: batches, no-ops, dispatch from inside a listener, and dispatch on a thread of the pool.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

namespace {

/// Collects the answers of asynchronous dispatches. Thread-safe.
class Answers {
 public:
  std::function<void(Result<Receipt>)> take() {
    return [this](Result<Receipt> answer) {
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(answer));
      threads_.insert(std::this_thread::get_id());
      changed_.notify_all();
    };
  }
  [[nodiscard]] bool wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 3 * patience, [&] { return answers_.size() >= count; });
  }
  [[nodiscard]] std::vector<Result<Receipt>> all() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }
  [[nodiscard]] bool came_on(std::thread::id thread) {
    const std::lock_guard lock(mutex_);
    return threads_.contains(thread);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Result<Receipt>> answers_;  // guarded by mutex_
  std::set<std::thread::id> threads_;     // guarded by mutex_
};

Recorder::Traits named(std::string name) {
  Recorder::Traits traits;
  traits.name = std::move(name);
  return traits;
}

}  // namespace

EVMESH_CONTRACT("an event of a batch reaches the listeners of its own keys only",
                "[dispatch][forgotten][Q7]") {
  TestType cluster;
  const auto first = recorder();
  const auto second = recorder();
  const auto first_registration = must(cluster.bus().register_listener(first, k1()));
  const auto second_registration = must(cluster.bus().register_listener(second, k2()));
  const std::vector<KeyedEvent> batch{
      {sample("one"), {k1()}}, {sample("two"), {k2()}}, {sample("both"), {k1(), k2()}}, {sample("none"), {}}};

  must(cluster.bus().dispatch(batch));

  cluster.settle();
  CHECK(first->payloads() == std::vector<std::string>{"one", "both"});
  CHECK(second->payloads() == std::vector<std::string>{"two", "both"});
}

EVMESH_CONTRACT("a group gets every event of a batch once, in order", "[dispatch][forgotten][Q7]") {
  TestType cluster;
  const auto listener = recorder();
  GroupOptions options;
  options.concurrency = 1;
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), options));
  const std::vector<KeyedEvent> batch{{sample("1"), {k1()}}, {sample("2"), {}}, {sample("3"), {k1(), k2()}}};

  const Receipt receipt = must(cluster.bus().dispatch(batch));

  CHECK(receipt.event_id == batch[0].event.id());
  REQUIRE(listener->wait_completed(3));
  must(cluster.bus().drain(patience));
  CHECK(listener->payloads() == std::vector<std::string>{"1", "2", "3"});
}

EVMESH_CONTRACT("an event of a batch that fails in a group is retried alone", "[dispatch][forgotten][Q7]") {
  TestType cluster;
  auto failed = std::make_shared<std::atomic<bool>>(false);
  const auto listener = recorder_that([failed](const Delivery& delivery) -> Outcome {
    if (delivery.event.payload() == "2" && !failed->exchange(true)) throw std::runtime_error("not yet");
    return Outcome::done();
  });
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(
      std::vector<KeyedEvent>{{sample("1"), {}}, {sample("2"), {}}, {sample("3"), {}}}));

  REQUIRE(listener->wait_completed(3));
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 4);
  CHECK(listener->completed() == 3);
}

EVMESH_CONTRACT("events of a batch in which nothing happened go nowhere, the others arrive",
                "[dispatch][forgotten]") {
  TestType cluster;
  const auto on_key = recorder();
  const auto in_group = recorder();
  const auto key_registration = must(cluster.bus().register_listener(on_key, k1()));
  const auto group_registration = must(cluster.bus().register_listener(in_group, group_a()));
  const std::vector<KeyedEvent> batch{
      {noop_event(), {k1()}}, {sample("real"), {k1()}}, {noop_event(), {k1()}}};

  const Receipt receipt = must(cluster.bus().dispatch(batch));

  CHECK_FALSE(receipt.noop);
  REQUIRE(in_group->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(on_key->payloads() == std::vector<std::string>{"real"});
  CHECK(in_group->payloads() == std::vector<std::string>{"real"});
}

EVMESH_CONTRACT("a batch in which nothing happened at all goes nowhere", "[dispatch][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const Receipt receipt =
      must(cluster.bus().dispatch(std::vector<KeyedEvent>{{noop_event(), {k1()}}, {noop_event(), {k1()}}}));

  CHECK(receipt.noop);
  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("a batch with one event that breaks a rule reaches nobody", "[dispatch][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Event nameless{EventFields{}};

  const auto refused =
      cluster.bus().dispatch(std::vector<KeyedEvent>{{sample("fine"), {k1()}}, {nameless, {k1()}}});

  CHECK(code_of(refused) == ErrorCode::invalid_argument);
  cluster.settle();
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT("the same event dispatched twice arrives twice", "[dispatch][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Event event = sample();

  must(cluster.bus().dispatch(event, k1()));
  must(cluster.bus().dispatch(event, k1()));

  cluster.settle();
  CHECK(listener->completed() == 2);
}

EVMESH_CONTRACT("a key named twice in one dispatch counts once", "[dispatch][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  const Receipt receipt = must(cluster.bus().dispatch(sample(), {k1(), k1()}));

  CHECK(receipt.listeners == 1);
  cluster.settle();
  CHECK(listener->completed() == 1);
}

EVMESH_CONTRACT("a key with an empty value is a key like any other", "[dispatch][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, key("User:")));

  must(cluster.bus().dispatch(sample("empty"), key("User:")));
  must(cluster.bus().dispatch(sample("other"), key("User:a")));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"empty"});
}

EVMESH_CONTRACT("one registration of several keys gets events of each of them", "[dispatch][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const std::vector<RegistrationKey> keys{k1(), k2(), k1()};
  auto registration = must(cluster.bus().register_listener(listener, keys));

  must(cluster.bus().dispatch(sample("one"), k1()));
  must(cluster.bus().dispatch(sample("two"), k2()));
  CHECK(registration.unregister() == Unregistered::done);
  must(cluster.bus().dispatch(sample("late"), {k1(), k2()}));

  cluster.settle();
  CHECK(listener->payloads() == std::vector<std::string>{"one", "two"});
}

EVMESH_CONTRACT("a listener may dispatch from inside its call", "[dispatch][forgotten]") {
  TestType cluster;
  const auto inner = recorder();
  const auto outer = recorder_that([&](const Delivery&) {
    (void)cluster.bus().dispatch(sample("nested"), k2());
    return Outcome::done();
  });
  const auto inner_registration = must(cluster.bus().register_listener(inner, k2()));
  const auto outer_registration = must(cluster.bus().register_listener(outer, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  CHECK(outer->completed() == 1);
  CHECK(inner->payloads() == std::vector<std::string>{"nested"});
}

EVMESH_CONTRACT("a retried group listener may dispatch from inside its call", "[dispatch][forgotten]") {
  TestType cluster;
  const auto inner = recorder();
  const auto outer = recorder_that([&](const Delivery& delivery) -> Outcome {
    if (delivery.attempt == 1) throw std::runtime_error("not yet");
    (void)cluster.bus().dispatch(sample("nested"), k2());
    return Outcome::done();
  });
  const auto inner_registration = must(cluster.bus().register_listener(inner, k2()));
  const auto outer_registration = must(cluster.bus().register_listener(outer, group_a(), quick_retries()));

  must(cluster.bus().redeliver(group_a(), sample()));

  CHECK(inner->wait_completed(1));
}

EVMESH_CONTRACT("dispatch nests sixteen deep and is refused beyond", "[dispatch][forgotten]") {
  TestType cluster;
  std::mutex mutex;
  std::vector<std::optional<ErrorCode>> answers;
  const auto listener = recorder_that([&](const Delivery&) {
    const auto nested = cluster.bus().dispatch(sample(), k1());
    const std::lock_guard lock(mutex);
    answers.push_back(nested ? std::nullopt : std::optional(nested.error().code));
    return Outcome::done();
  });
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  // The innermost answers first: only it was refused.
  const std::lock_guard lock(mutex);
  REQUIRE(answers.size() == 17);
  CHECK(answers.front() == ErrorCode::too_deep);
  for (std::size_t i = 1; i < answers.size(); ++i) CHECK_FALSE(answers[i].has_value());
}

EVMESH_CONTRACT("dispatch_async answers once, on another thread", "[dispatch][forgotten][real]") {
  TestType cluster;
  Answers answers;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Event event = sample();

  must(cluster.bus().dispatch_async(event, {k1()}, answers.take()));

  REQUIRE(answers.wait(1));
  must(cluster.bus().drain(patience));
  REQUIRE(answers.all().size() == 1);
  REQUIRE(answers.all().at(0).has_value());
  CHECK(answers.all().at(0)->event_id == event.id());
  CHECK(listener->completed() == 1);
  CHECK_FALSE(answers.came_on(std::this_thread::get_id()));
}

EVMESH_CONTRACT("dispatch_async does not wait for a synchronous listener", "[dispatch][forgotten][real]") {
  Gate gate;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate));
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);

  must(cluster.bus().dispatch_async(sample(), {k1()}, {}));

  CHECK(listener->completed() == 0);
  CHECK(gate.wait_arrivals(1));
}

EVMESH_CONTRACT("asynchronous dispatches of one thread keep their order", "[dispatch][forgotten]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) expected.push_back(std::to_string(i));

  for (const auto& payload : expected) must(cluster.bus().dispatch_async(sample(payload), {k1()}, {}));

  REQUIRE(listener->wait_completed(200));
  CHECK(listener->payloads() == expected);
}

EVMESH_CONTRACT("dispatch_async tells its callback of an event that breaks a rule", "[dispatch][forgotten]") {
  TestType cluster;
  Answers answers;

  const auto accepted = cluster.bus().dispatch_async(Event(EventFields{}), {k1()}, answers.take());

  if (accepted) {
    REQUIRE(answers.wait(1));
    CHECK(code_of(answers.all().at(0)) == ErrorCode::invalid_argument);
  } else {
    CHECK(accepted.error().code == ErrorCode::invalid_argument);
  }
}

EVMESH_CONTRACT("too many asynchronous dispatches are refused as busy, and every accepted one is answered",
                "[dispatch][forgotten][real]") {
  Gate gate;
  Answers answers;
  TestType cluster;
  const auto listener = recorder_that(wait_at(gate));
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Opener opener(gate);

  std::size_t accepted = 0;
  Result<void> last;
  while (accepted < 200'000) {
    last = cluster.bus().dispatch_async(sample(), {k1()}, answers.take());
    if (!last) break;
    ++accepted;
  }
  gate.open();

  CHECK(code_of(last) == ErrorCode::busy);
  REQUIRE(answers.wait(accepted));
  for (const auto& answer : answers.all()) REQUIRE(answer.has_value());
}

EVMESH_CONTRACT("nobody has to be waited for when no other node is interested", "[dispatch][forgotten]") {
  TestType cluster;
  const auto registration = must(cluster.bus().register_listener(recorder(named("local")), k1()));

  const Receipt receipt = must(cluster.bus().dispatch(sample(), k1()));

  CHECK(receipt.interested == 0);
  CHECK(cluster.bus().wait_seen(receipt, patience).peers.empty());
}

}  // namespace evmesh::contract
