// Notifications through PUB/SUB of a Redis server, and group work through one of its streams; scripts/bench --compare redis.
#include <hiredis/hiredis.h>
#include <poll.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker_runs.hpp"
#include "flusher.hpp"
#include "shared_flow.hpp"

namespace bench {
namespace {

constexpr unsigned workers_count = 3;
constexpr std::uint64_t in_flight = 1'000;

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, Free>;

/// A client's connection. Thread-bound.
class Redis {
 public:
  explicit Redis(int port) : context_(redisConnect("127.0.0.1", port)) {
    require(context_ && context_->err == 0, "cannot connect to the Redis server");
  }

  /// Queues a command; `answer` sends what is queued.
  void ask(const std::vector<std::string_view>& words) {
    std::vector<const char*> texts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    require(redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(), sizes.data()) == REDIS_OK,
            "a Redis command could not be made");
  }

  Reply answer() {
    void* reply = nullptr;
    require(redisGetReply(context_.get(), &reply) == REDIS_OK, "the Redis server closed the connection");
    return checked(reply);
  }

  /// Whether something comes within 100 ms.
  bool wait() const {
    pollfd ready{context_->fd, POLLIN, 0};
    return ::poll(&ready, 1, 100) > 0;
  }

  /// Calls `each` with what the server says of itself, as far as it has come.
  template <class Each>
  void read(Each each) {
    require(redisBufferRead(context_.get()) == REDIS_OK, "the Redis server closed the connection");
    void* reply = nullptr;
    while (redisReaderGetReply(context_->reader, &reply) == REDIS_OK && reply != nullptr) each(*checked(reply));
  }

  void send() {
    for (int done = 0; done == 0;)
      require(redisBufferWrite(context_.get(), &done) == REDIS_OK, "the Redis server closed the connection");
  }

 private:
  static Reply checked(void* raw) {
    Reply reply(static_cast<redisReply*>(raw));
    if (reply->type == REDIS_REPLY_ERROR) fail("the Redis server says " + std::string(reply->str, reply->len));
    return reply;
  }

  std::unique_ptr<redisContext, Free> context_;
};

std::string_view text_of(const redisReply& reply) { return {reply.str, static_cast<std::size_t>(reply.len)}; }

void receive(Board& board, const Course& course, int port, std::size_t number) {
  Redis redis(port);
  const std::uint64_t first = course.all() ? 0 : number;
  for (std::uint64_t key = first + course.receivers; key < course.keys; key += course.receivers)
    redis.ask({"SUBSCRIBE", key_of(key)});
  redis.ask({"SUBSCRIBE", key_of(first)});  // the one that is asked for before the run
  redis.send();
  while (!board.ending) {
    if (!redis.wait()) continue;
    redis.read([&](const redisReply& reply) {
      if (reply.elements == 3 && text_of(*reply.element[0]) == "message")
        board.note(number, text_of(*reply.element[2]), course);
    });
  }
}

NotifyFigures redis_notify(int port, const Course& course) {
  Board& board = shared_board();
  Workers receivers(static_cast<unsigned>(course.receivers), [&](unsigned number) { receive(board, course, port, number); });
  std::vector<std::string> keys;
  for (std::uint64_t key = 0; key < course.keys; ++key) keys.push_back(key_of(key));
  Redis redis(port);
  Flusher flusher([&](const std::vector<Flusher::Item>& items) {
    for (const auto& [key, payload] : items) redis.ask({"PUBLISH", keys[key], payload});
    for (std::size_t left = items.size(); left > 0; --left) redis.answer();
  });
  const auto figures = run_course(board, course, [&](std::uint64_t key, std::string payload) {
    flusher.add(key, std::move(payload));
  });
  board.ending = true;
  receivers.join();
  return figures;
}

/// Reads what is new of the stream, and acknowledges all of it at once.
void work(Shared& shared, int port, unsigned number) {
  while (!shared.has_endpoint) Shared::nap();
  Redis redis(port);
  const std::string name = "worker-" + std::to_string(number);
  while (!shared.ending) {
    redis.ask({"XREADGROUP", "GROUP", "work", name, "COUNT", "100", "BLOCK", "100", "STREAMS", "events", ">"});
    const Reply reply = redis.answer();
    if (reply->type != REDIS_REPLY_ARRAY) continue;
    const redisReply& entries = *reply->element[0]->element[1];
    std::vector<std::string_view> done{"XACK", "events", "work"};
    for (std::size_t at = 0; at < entries.elements; ++at) {
      const redisReply& entry = *entries.element[at];
      shared.note(text_of(*entry.element[1]->element[1]));
      done.push_back(text_of(*entry.element[0]));
    }
    redis.ask(done);
    redis.answer();
  }
}

/// Adds events with at most so many in flight, a tenth of them at once.
void redis_work(int port, double seconds) {
  Shared& shared = shared_memory();
  Workers workers(workers_count, [&](unsigned number) { work(shared, port, number); });
  Redis redis(port);
  redis.ask({"DEL", "events"});
  redis.answer();
  redis.ask({"XGROUP", "CREATE", "events", "work", "$", "MKSTREAM"});
  redis.answer();
  shared.has_endpoint = true;
  std::uint64_t submitted = 0, unconfirmed = 0;
  const auto start = nanoseconds();
  const auto end = start + static_cast<std::uint64_t>(seconds * 1e9);
  while (nanoseconds() < end) {
    for (std::uint64_t left = in_flight / 10; left > 0; --left, ++unconfirmed) {
      shared.hold(submitted);
      redis.ask({"XADD", "events", "*", "p", stamped(submitted++)});
    }
    redis.send();
    for (; unconfirmed > in_flight * 9 / 10; --unconfirmed) redis.answer();
  }
  for (; unconfirmed > 0; --unconfirmed) redis.answer();
  shared.finish(submitted);
  const auto took = nanoseconds() - start;
  shared.ending = true;
  workers.join();
  std::printf("value=%.3f\n", static_cast<double>(submitted) * 1e9 / static_cast<double>(took));
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) { return bench::broker_main(argc, argv, bench::redis_notify, bench::redis_work); }
