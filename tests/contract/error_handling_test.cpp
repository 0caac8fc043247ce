// What becomes of listeners that fail: retries of groups, dead letters, and none of it for notifications.
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <evmesh/mailbox.hpp>

#include "contract/fixtures/implementations.hpp"

namespace evmesh::contract {

using namespace std::chrono_literals;

namespace {

std::size_t letters(EventBus& bus, const Group& group) { return must(bus.dead_letters().ids(group)).size(); }

/// Returns when a group that always fails has gone through its retries `rounds` times more. Whatever an
/// earlier event had still coming, by the same waits, has come by then.
void fail_again(EventBus& bus, const Group& group, std::size_t rounds) {
  for (std::size_t i = 0; i < rounds; ++i) {
    const std::size_t before = letters(bus, group);
    must(bus.dispatch(sample("later")));
    REQUIRE(eventually(patience, [&] { return letters(bus, group) == before + 1; }));
  }
}

std::vector<std::uint32_t> attempts_at(const Recorder& recorder, const std::string& payload) {
  std::vector<std::uint32_t> attempts;
  for (const Seen& seen : recorder.seen()) {
    if (seen.event.payload() == payload) attempts.push_back(seen.attempt);
  }
  return attempts;
}

std::vector<std::chrono::steady_clock::duration> pauses(const Recorder& recorder) {
  std::vector<std::chrono::steady_clock::duration> pauses;
  const auto seen = recorder.seen();
  for (std::size_t i = 1; i < seen.size(); ++i) pauses.push_back(seen[i].began - seen[i - 1].began);
  return pauses;
}

}  // namespace

EVMESH_CONTRACT("a key listener that failed is not called again", "[errors][R01]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(1));
  const auto group_listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const auto group_registration =
      must(cluster.bus().register_listener(group_listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample(), k1()));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  cluster.settle();
  CHECK(listener->entered() == 1);
  CHECK(listener->completed() == 0);
}

EVMESH_CONTRACT("a group listener that fails twice handles the event on the third attempt", "[errors][R02]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(2));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(listener->completed() == 1);
  CHECK(attempts_at(*listener, "E1") == std::vector<std::uint32_t>{1, 2, 3});
}

EVMESH_CONTRACT(
    "a group listener that fails as often as it may be retried handles the event on the last attempt",
    "[errors][R03]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(3));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(attempts_at(*listener, "E1") == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(must(cluster.bus().dead_letters().empty()));
}

EVMESH_CONTRACT("a group listener that fails more often than it may be retried never handles the event",
                "[errors][R04]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(9));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  must(cluster.bus().drain(patience));
  CHECK(listener->completed() == 0);
}

EVMESH_CONTRACT("a group listener that always fails is called four times with three retries, then no more",
                "[errors][R05]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample("E1")));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  fail_again(cluster.bus(), group_a(), 3);
  CHECK(attempts_at(*listener, "E1") == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(letters(cluster.bus(), group_a()) == 4);
}

EVMESH_CONTRACT("the waits between attempts grow and are never shorter than the exponential",
                "[errors][R06][B02]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  GroupOptions options = quick_retries(4);
  options.retry.first = 10ms;
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), options));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_entered(5));
  const auto waits = pauses(*listener);
  REQUIRE(waits.size() == 4);
  CHECK(waits[0] >= 10ms);
  CHECK(waits[1] >= 20ms);
  CHECK(waits[2] >= 40ms);
  CHECK(waits[3] >= 80ms);
}

EVMESH_CONTRACT("retries do not hold the dispatch", "[errors][forgotten][Q6]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(1));
  GroupOptions options = quick_retries(1);
  options.retry.first = 500ms;
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), options));

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->completed() == 0);
  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("a key listener that always fails leaves no dead letter", "[errors][R08]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  must(cluster.bus().dispatch(sample(), k1()));

  cluster.settle();
  CHECK(listener->entered() == 1);
  CHECK(must(cluster.bus().dead_letters().empty()));
}

EVMESH_CONTRACT("a group listener that got over its failures leaves no dead letter", "[errors][R09]") {
  TestType cluster;
  const auto listener = recorder_that(throw_first(2));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(must(cluster.bus().dead_letters().empty()));
}

EVMESH_CONTRACT("an event that a group failed on for good is in its dead letters with what happened",
                "[errors][R10][real]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw("disk on fire"));
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));
  const Event event = sample();

  must(cluster.bus().dispatch(event, {k1(), k2()}));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  DeadLetters& store = cluster.bus().dead_letters();
  CHECK(must(store.groups()) == std::vector<Group>{group_a()});
  const auto letter = must(store.find(group_a(), must(store.ids(group_a())).at(0)));
  REQUIRE(letter.has_value());
  CHECK(letter->group == group_a());
  CHECK(letter->event == event);
  CHECK(letter->keys == std::vector<RegistrationKey>{k1(), k2()});
  REQUIRE(letter->attempts.size() == 4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    CHECK(letter->attempts[i].number == i + 1);
    CHECK(letter->attempts[i].error.find("disk on fire") != std::string::npos);
    CHECK(letter->attempts[i].time >= event.time());
  }
  CHECK(listener->completed() == 0);
}

EVMESH_CONTRACT("an event that fails for good when redelivered is in the dead letters", "[errors][R11]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));
  const Event event = sample();

  must(cluster.bus().redeliver(group_a(), event));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  DeadLetters& store = cluster.bus().dead_letters();
  const auto letter = must(store.find(group_a(), must(store.ids(group_a())).at(0)));
  REQUIRE(letter.has_value());
  CHECK(letter->event == event);
}

EVMESH_CONTRACT("redelivery has as many attempts as the first dispatch", "[errors][R12]") {
  TestType cluster;
  const auto listener = recorder_that(always_throw());
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().redeliver(group_a(), sample("E1")));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  fail_again(cluster.bus(), group_a(), 3);
  CHECK(attempts_at(*listener, "E1") == std::vector<std::uint32_t>{1, 2, 3, 4});
}

EVMESH_CONTRACT("redelivery runs without a retry too", "[errors][R12]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries(0)));

  must(cluster.bus().redeliver(group_a(), sample()));

  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT("redelivery does not reach key listeners", "[errors][R13]") {
  TestType cluster;
  const auto in_group = recorder();
  const auto on_key = recorder();
  const auto group_registration = must(cluster.bus().register_listener(in_group, group_a()));
  const auto key_registration = must(cluster.bus().register_listener(on_key, k1()));

  must(cluster.bus().redeliver(group_a(), sample()));

  REQUIRE(in_group->wait_completed(1));
  must(cluster.bus().drain(patience));
  CHECK(on_key->entered() == 0);
}

EVMESH_CONTRACT("an event that a listener refuses goes to the dead letters without a further attempt",
                "[errors][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that([](const Delivery&) { return Outcome::refuse("malformed"); });
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample("E1")));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  fail_again(cluster.bus(), group_a(), 2);
  CHECK(attempts_at(*listener, "E1") == std::vector<std::uint32_t>{1});
  DeadLetters& store = cluster.bus().dead_letters();
  const auto letter = must(store.find(group_a(), must(store.ids(group_a())).at(0)));
  REQUIRE(letter.has_value());
  REQUIRE(letter->attempts.size() == 1);
  CHECK(letter->attempts[0].error.find("malformed") != std::string::npos);
}

EVMESH_CONTRACT("a listener that asks for a later retry is not called before", "[errors][forgotten]") {
  TestType cluster;
  auto first = std::make_shared<std::atomic<bool>>(true);
  const auto listener = recorder_that([first](const Delivery&) {
    return first->exchange(false) ? Outcome::retry_after(200ms, "busy") : Outcome::done();
  });
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(listener->wait_entered(2));
  CHECK(pauses(*listener).at(0) >= 200ms);
  CHECK(attempts_at(*listener, "E1") == std::vector<std::uint32_t>{1, 2});
}

EVMESH_CONTRACT("a listener that asks for later retries too often ends in the dead letters",
                "[errors][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that([](const Delivery&) { return Outcome::retry_after(1ms, "busy"); });
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  REQUIRE(eventually(patience, [&] { return letters(cluster.bus(), group_a()) == 1; }));
  CHECK(attempts_at(*listener, "E1") == std::vector<std::uint32_t>{1, 2, 3, 4});
}

EVMESH_CONTRACT("the retries of one event do not hold up the group's other events", "[errors][forgotten]") {
  TestType cluster;
  const auto listener = recorder_that(throw_on("E1"));
  GroupOptions options = quick_retries(1);
  options.retry.first = 30'000ms;
  options.concurrency = 1;
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), options));

  must(cluster.bus().dispatch(sample("E1")));
  must(cluster.bus().dispatch(sample("E2")));

  CHECK(listener->wait_completed(1));
  CHECK(listener->payloads() == std::vector<std::string>{"E1", "E2"});
}

EVMESH_CONTRACT("what a group listener throws is retried whatever its type", "[errors][forgotten]") {
  TestType cluster;
  auto first = std::make_shared<std::atomic<bool>>(true);
  const auto listener = recorder_that([first](const Delivery&) -> Outcome {
    if (first->exchange(false)) throw 42;
    return Outcome::done();
  });
  const auto registration = must(cluster.bus().register_listener(listener, group_a(), quick_retries()));

  must(cluster.bus().dispatch(sample()));

  CHECK(listener->wait_completed(1));
}

EVMESH_CONTRACT(
    "a body that throws when it is asked whether anything happened is refused, and nothing is thrown",
    "[errors][forgotten][real]") {
  TestType cluster;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));
  const Event broken = with_body(std::make_shared<BrokenBody>(BrokenBody::Place::noop));
  std::promise<ErrorCode> answer;

  const auto single = cluster.bus().dispatch(broken, k1());
  const std::vector<KeyedEvent> batch{{sample(), {k1()}}, {broken, {k1()}}};
  const auto several = cluster.bus().dispatch(batch);
  const auto again = cluster.bus().redeliver(group_a(), broken);
  must(cluster.bus().dispatch_async(
      broken, {k1()}, [&](const Result<Receipt>& result) { answer.set_value(code_of(result)); }));

  CHECK(code_of(single) == ErrorCode::invalid_argument);
  CHECK(single.error().message.find("noop broke") != std::string::npos);
  CHECK(code_of(several) == ErrorCode::invalid_argument);
  CHECK_FALSE(again.has_value());
  auto told = answer.get_future();
  REQUIRE(told.wait_for(patience) == std::future_status::ready);
  CHECK(told.get() == ErrorCode::invalid_argument);
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == 0);
}

EVMESH_CONTRACT(
    "a body that throws when it is encoded is refused where bodies are encoded, and nothing is thrown",
    "[errors][forgotten][real]") {
  TestType cluster;
  const bool mesh = cluster.mode() != Mode::mono;
  const auto listener = recorder();
  const auto registration = must(cluster.bus().register_listener(listener, k1()));

  for (const auto place : {BrokenBody::Place::encode, BrokenBody::Place::encode_no_exception}) {
    const Event broken = with_body(std::make_shared<BrokenBody>(place));
    std::promise<bool> answer;
    const auto single = cluster.bus().dispatch(broken, k1());
    const std::vector<KeyedEvent> batch{{sample(), {}}, {broken, {}}};
    const auto several = cluster.bus().dispatch(batch);
    must(cluster.bus().dispatch_async(
        broken, {k1()}, [&](const Result<Receipt>& result) { answer.set_value(result.has_value()); }));

    REQUIRE(single.has_value() != mesh);
    if (mesh) CHECK(code_of(single) == ErrorCode::invalid_argument);
    CHECK(several.has_value() != mesh);
    auto told = answer.get_future();
    REQUIRE(told.wait_for(patience) == std::future_status::ready);
    CHECK(told.get() != mesh);
  }
  must(cluster.bus().drain(patience));
  CHECK(listener->entered() == (mesh ? 0 : 4));
}

EVMESH_CONTRACT("payloads that hold no event become dead letters of the group, and the next event is handled",
                "[errors][P01][P02][P03]") {
  TestType cluster;
  const auto listener = recorder_that([](const Delivery& delivery) {
    const auto event = mailbox::from_event(delivery.event);
    return event ? Outcome::done() : Outcome::refuse(event.error().message);
  });
  const auto registration = must(cluster.bus().register_listener(listener, group_a()));
  const auto garbage = [&] {
    must(cluster.bus().dispatch({.type = "Added", .format = PayloadFormat::json, .payload = "{garbage"}));
  };
  const auto good = [&] {
    must(cluster.bus().dispatch(
        mailbox::make_event(mailbox::MailboxAdded{.user = "bob",
                                                  .session_id = 7,
                                                  .path = mailbox::MailboxPath::personal("bob", "INBOX"),
                                                  .mailbox_id = "1"})));
  };

  garbage();
  good();
  REQUIRE(listener->wait_completed(2));
  must(cluster.bus().drain(patience));
  CHECK(letters(cluster.bus(), group_a()) == 1);

  for (int i = 0; i < 10; ++i) garbage();
  good();
  REQUIRE(listener->wait_completed(13));
  must(cluster.bus().drain(patience));
  CHECK(letters(cluster.bus(), group_a()) == 11);
  const auto ids = must(cluster.bus().dead_letters().ids(group_a()));
  const auto letter = must(cluster.bus().dead_letters().find(group_a(), ids.front()));
  REQUIRE(letter.has_value());
  CHECK(letter->event.payload() == "{garbage");
}

}  // namespace evmesh::contract
