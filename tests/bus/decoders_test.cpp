// Events of own types reach listeners as objects.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <evmesh/evmesh.hpp>

#include "bus/support.hpp"

using namespace evmesh;
using namespace evmesh::bus::test;
using namespace std::chrono_literals;

namespace {

struct Word final : EventBody {
  explicit Word(std::string text) : text(std::move(text)) {}
  [[nodiscard]] Encoded encode(PayloadFormat) const override { return {PayloadFormat::raw, text}; }
  const std::string text;
};

/// Reads words, and counts how often it was asked to.
struct Reader {
  std::atomic<int> asked{0};

  BodyDecoders decoders() {
    return {{"Sample", [this](const Event& event) -> Result<std::shared_ptr<const EventBody>> {
               ++asked;
               if (event.payload() == "bad") throw std::runtime_error("no word");
               return std::make_shared<Word>(event.payload());
             }}};
  }
};

/// Tells what it was given; an error counts as a refusal.
std::shared_ptr<Listener> telling(Story& story) {
  return make_listener([&story](const Event& event) {
    const auto word = event.as<Word>();
    const auto wrong = event.undecodable();
    story.add(word ? "word " + word->text : wrong ? "error " + wrong->message : "bytes " + event.payload());
  });
}

struct Log {
  std::mutex mutex;
  std::vector<LogRecord> records;
  LogSink sink() {
    return [this](const LogRecord& record) {
      const std::lock_guard lock(mutex);
      records.push_back(record);
    };
  }
  std::size_t count(std::string_view message) {
    const std::lock_guard lock(mutex);
    return static_cast<std::size_t>(std::ranges::count(records, message, &LogRecord::message));
  }
};

const std::string bad_word = "error the payload of \"Sample\" cannot be decoded: no word";

}  // namespace

TEST_CASE("bytes that are dispatched are decoded once for all listeners and groups of the node", "[bus][decoders]") {
  Story story;
  Reader reader;
  const auto node = must(Node::open({.decoders = reader.decoders()}));
  const auto first = must(node->bus().register_listener(telling(story), key("User:bob")));
  const auto second = must(node->bus().register_each_node(telling(story)));
  const auto third = must(node->bus().register_listener(telling(story), group("g")));

  must(node->bus().dispatch(sample("one"), key("User:bob")));

  CHECK(story.wait(3) == std::vector<std::string>{"word one", "word one", "word one"});
  CHECK(reader.asked == 1);
}

TEST_CASE("batches, asynchronous dispatches and redeliveries are decoded, too", "[bus][decoders]") {
  Story story;
  Reader reader;
  const auto node = must(Node::open({.decoders = reader.decoders()}));
  const auto listening = must(node->bus().register_listener(telling(story), group("g")));

  must(node->bus().dispatch(std::vector{KeyedEvent{sample("one"), {}}}));
  CHECK(story.wait(1).back() == "word one");
  must(node->bus().dispatch_async(sample("two"), {}, {}));
  CHECK(story.wait(2).back() == "word two");
  must(node->bus().redeliver(group("g"), sample("three")));

  CHECK(story.wait(3).back() == "word three");
  CHECK(reader.asked == 3);
}

TEST_CASE("objects that are dispatched, and types without a decoder, are not decoded", "[bus][decoders]") {
  Story story;
  Reader reader;
  const auto node = must(Node::open({.decoders = reader.decoders()}));
  const auto listening = must(node->bus().register_each_node(telling(story)));

  must(node->bus().dispatch({.type = "Sample", .body = std::make_shared<Word>("one")}));
  must(node->bus().dispatch({.type = "Other", .payload = "two"}));

  CHECK(story.wait(2) == std::vector<std::string>{"word one", "bytes two"});
  CHECK(reader.asked == 0);
}

TEST_CASE("a payload that cannot be decoded reaches the listener with the reason, counted and logged",
          "[bus][decoders]") {
  Story story;
  Reader reader;
  Log log;
  const auto node = must(Node::open({.decoders = reader.decoders(), .log = log.sink()}));
  const auto listening = must(node->bus().register_each_node(telling(story)));

  must(node->bus().dispatch(sample("bad")));

  CHECK(story.wait(1) == std::vector<std::string>{bad_word});
  CHECK(node->status().counters.at("evmesh_event_objects_undecodable_total") == 1);
  CHECK(log.count("event_object_undecodable") == 1);
}

TEST_CASE("what comes over the mesh is decoded once for all listeners of a key", "[bus][decoders]") {
  Story story;
  Reader reader;
  const auto a = must(Node::open({.mode = Mode::broadcast, .listen = "tcp://127.0.0.1:0"}));
  const auto b = must(Node::open({.mode = Mode::broadcast,
                                  .listen = "tcp://127.0.0.1:0",
                                  .seeds = {a->status().listen},
                                  .decoders = reader.decoders()}));
  std::vector<Registration> listening;
  for (int count = 0; count < 3; ++count)
    listening.push_back(must(b->bus().register_listener(telling(story), key("User:bob"))));

  must(a->bus().dispatch({.type = "Sample", .body = std::make_shared<Word>("one")}, key("User:bob")));
  CHECK(story.wait(3) == std::vector<std::string>{"word one", "word one", "word one"});
  CHECK(reader.asked == 1);
  must(a->bus().dispatch(sample("bad"), key("User:bob")));

  CHECK(story.wait(6).back() == bad_word);
  CHECK(reader.asked == 2);
}

TEST_CASE("group work of another node is decoded where it runs", "[bus][decoders]") {
  Story story;
  Reader reader;
  const auto a = must(Node::open({.mode = Mode::broadcast, .listen = "tcp://127.0.0.1:0"}));
  const auto b = must(Node::open({.mode = Mode::broadcast,
                                  .listen = "tcp://127.0.0.1:0",
                                  .seeds = {a->status().listen},
                                  .decoders = reader.decoders()}));
  const auto listening = must(b->bus().register_listener(telling(story), group("g")));
  REQUIRE(listening.receipt(patience).complete());

  must(a->bus().dispatch(sample("one")));
  must(a->bus().dispatch(sample("bad")));

  const auto words = story.wait(2);
  CHECK(std::set(words.begin(), words.end()) == std::set<std::string>{"word one", bad_word});
}

TEST_CASE("decoders without a function, or of what is no type, are refused", "[bus][decoders]") {
  Reader reader;
  CHECK(Node::open({.decoders = {{"Sample", {}}}}).error().code == ErrorCode::invalid_argument);
  CHECK(Node::open({.decoders = {{"", reader.decoders().at("Sample")}}}).error().code == ErrorCode::invalid_argument);
  BodyDecoders many;
  for (int count = 0; count < 1'024; ++count) many.emplace("t" + std::to_string(count), reader.decoders().at("Sample"));
  CHECK(Node::open({.decoders = many}));
  many.emplace("one too many", reader.decoders().at("Sample"));
  CHECK(Node::open({.decoders = many}).error().code == ErrorCode::invalid_argument);
}
