#include <zmq.h>

#include <cstring>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "notify_board.hpp"
#include "shared_flow.hpp"

namespace bench {
namespace {

constexpr int high_water = 100'000;

void check(int result, const char* what) {
  if (result < 0) fail(std::string(what) + ": " + zmq_strerror(zmq_errno()));
}

void set(void* socket, int option, int value) { check(zmq_setsockopt(socket, option, &value, sizeof value), "option"); }

struct Hash : std::hash<std::string_view> {
  using is_transparent = void;
};

void receive(Board& board, const Course& course, std::size_t number) {
  while (!board.has_endpoint) Shared::nap();
  std::unordered_set<std::string, Hash, std::equal_to<>> mine;
  for (std::uint64_t key = course.all() ? 0 : number; key < course.keys; key += course.receivers) mine.insert(key_of(key));
  void* const context = zmq_ctx_new();
  void* const sub = zmq_socket(context, ZMQ_SUB);
  set(sub, ZMQ_RCVHWM, high_water);
  set(sub, ZMQ_RCVTIMEO, 100);
  check(zmq_connect(sub, board.endpoint.data()), "connect");
  check(zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0), "subscribe");
  zmq_msg_t message;
  zmq_msg_init(&message);
  while (!board.ending) {
    if (zmq_msg_recv(&message, sub, 0) < 0) continue;
    const std::string_view text(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    if (!course.all() && !mine.contains(text.substr(0, key_bytes))) continue;
    board.note(number, text.substr(key_bytes), course);
  }
  zmq_msg_close(&message);
  zmq_close(sub);
  zmq_ctx_term(context);
}

}  // namespace

NotifyFigures raw_notify(const Course& course) {
  Board& board = shared_board();
  Workers receivers(static_cast<unsigned>(course.receivers), [&](unsigned number) { receive(board, course, number); });
  std::vector<std::string> keys;
  for (std::uint64_t key = 0; key < course.keys; ++key) keys.push_back(key_of(key));
  void* const context = zmq_ctx_new();
  void* const pub = zmq_socket(context, ZMQ_PUB);
  set(pub, ZMQ_SNDHWM, high_water);
  set(pub, ZMQ_XPUB_NODROP, 1);
  set(pub, ZMQ_LINGER, 0);
  check(zmq_bind(pub, "tcp://127.0.0.1:*"), "bind");
  std::size_t size = board.endpoint.size();
  check(zmq_getsockopt(pub, ZMQ_LAST_ENDPOINT, board.endpoint.data(), &size), "endpoint");
  board.has_endpoint = true;
  const auto figures = run_course(board, course, [&](std::uint64_t key, const std::string& payload) {
    zmq_msg_t message;
    check(zmq_msg_init_size(&message, key_bytes + payload.size()), "message");
    auto* const at = static_cast<char*>(zmq_msg_data(&message));
    std::memcpy(at, keys[key].data(), key_bytes);
    std::memcpy(at + key_bytes, payload.data(), payload.size());
    check(zmq_msg_send(&message, pub, 0), "send");
  });
  board.ending = true;
  receivers.join();
  zmq_close(pub);
  zmq_ctx_term(context);
  return figures;
}

}  // namespace bench
