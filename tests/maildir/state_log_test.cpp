#include "evmesh-maildir/state_log.hpp"

#include <catch2/catch.hpp>

using namespace evmesh::maildir;

namespace {

UserState sample_state() {
  UserState state;
  apply_changes(
      state,
      {PutFolder{"i1", "INBOX", {7, -8}, 9, 5, 6},
       PutMessage{"i1", "1.a",
                  MessageState{.uid = 4,
                               .mod_seq = 6,
                               .flags = {evmesh::mailbox::SystemFlag::seen},
                               .file = {11, 12, evmesh::mailbox::Instant{std::chrono::nanoseconds{13}}}}}});
  return state;
}

const Batch sample_batch{
    .number = 3, .events = {{R"({"Added":{}})", {"User:alice"}}}, .changes = {DropMessage{"i1", "1.a", 7}}};

LoadedState read(const std::string& bytes) {
  StateLogWriter writer("alice");
  return read_state_log(bytes, writer).value();
}

std::string refusal(const std::string& bytes) {
  StateLogWriter writer("alice");
  const auto loaded = read_state_log(bytes, writer);
  return loaded ? "" : loaded.error().message;
}

}  // namespace

// The format is a promise to every later version: these bytes stay readable.
TEST_CASE("a state file has these bytes", "[maildir][log]") {
  StateLogWriter writer("alice");

  std::string bytes = writer.snapshot(sample_state(), nullptr, 2);
  bytes += writer.batch(sample_batch);
  bytes += writer.done(3);

  CHECK(bytes ==
        "489192f57f6d8fb4 {\"format\":\"evmesh-maildir-state\",\"user\":\"alice\",\"version\":1}\n"
        "2750869c11f856da "
        "{\"changes\":[[\"F\",\"i1\",\"INBOX\",7,-8,9,5,6],[\"M\",\"i1\",\"1.a\",4,6,32,11,12,13]]}\n"
        "4b731286713d86f8 {\"snapshot\":2}\n"
        "51f363897b41cbc4 {\"batch\":3,\"changes\":[[\"m\",\"i1\",\"1.a\",7]],"
        "\"events\":[{\"event\":\"{\\\"Added\\\":{}}\",\"keys\":[\"User:alice\"]}]}\n"
        "06354685b549a2bd {\"done\":3}\n");
}

TEST_CASE("what was written is read", "[maildir][log]") {
  StateLogWriter writer("alice");

  const auto loaded = read(writer.snapshot(sample_state(), nullptr, 2));

  CHECK(loaded.state == sample_state());
  CHECK_FALSE(loaded.pending);
  CHECK(loaded.last_batch == 2);
}

TEST_CASE("a batch is pending until it is done, and its changes count at once", "[maildir][log]") {
  StateLogWriter writer("alice");
  std::string recorded = writer.snapshot(sample_state(), nullptr, 2);
  recorded += writer.batch(sample_batch);

  const auto pending = read(recorded);
  const auto done = read(recorded + writer.done(3));

  REQUIRE(pending.pending);
  CHECK(pending.pending->events == sample_batch.events);
  CHECK(pending.state.folders.at("i1").messages.empty());
  CHECK_FALSE(done.pending);
  CHECK(done.last_batch == 3);
  CHECK(done.state == pending.state);
}

TEST_CASE("a snapshot keeps the pending batch", "[maildir][log]") {
  StateLogWriter writer("alice");

  const auto loaded = read(writer.snapshot(sample_state(), &sample_batch, 3));

  REQUIRE(loaded.pending);
  CHECK(loaded.pending->number == 3);
  CHECK(loaded.state == sample_state());
}

TEST_CASE("a last line cut anywhere is left out", "[maildir][log]") {
  StateLogWriter writer("alice");
  const std::string whole = writer.snapshot(sample_state(), nullptr, 2);
  const std::string line = writer.batch(sample_batch);

  for (std::size_t length = 1; length < line.size(); ++length) {
    const auto loaded = read(whole + line.substr(0, length));
    CHECK(loaded.torn);
    CHECK_FALSE(loaded.pending);
    CHECK(loaded.state == sample_state());
  }
}

TEST_CASE("any flipped bit is found", "[maildir][log]") {
  StateLogWriter writer("alice");
  std::string whole = writer.snapshot(sample_state(), nullptr, 2);
  whole += writer.batch(sample_batch);
  whole += writer.done(3);

  for (std::size_t at = 0; at + 1 < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    CHECK_FALSE(refusal(bytes).empty());
  }
}

TEST_CASE("a missing line is found", "[maildir][log]") {
  StateLogWriter writer("alice");
  const std::string snapshot = writer.snapshot(sample_state(), nullptr, 2);
  (void)writer.batch(sample_batch);

  CHECK(refusal(snapshot + writer.done(3)).find("checksum") != std::string::npos);
  CHECK(refusal("").find("no end") != std::string::npos);
  CHECK(refusal(snapshot.substr(0, snapshot.find('\n') + 1)).find("no end") != std::string::npos);
}

TEST_CASE("the state of another user is refused naming the user", "[maildir][log]") {
  StateLogWriter bob("bob");

  CHECK(refusal(bob.snapshot({}, nullptr, 0)).find("bob") != std::string::npos);
}
