// A bridge that posts every event to a web server: usage http_bridge URL. Group work, so that what the server
// does not take is tried again, and what it refuses becomes a dead letter that an operator can look at.
#include <curl/curl.h>

#include <algorithm>
#include <evmesh/evmesh.hpp>
#include <iostream>
#include <memory>
#include <vector>

namespace {

using namespace evmesh;

/// What became of one request: taken (2xx), refused (4xx), or to be tried again.
Outcome outcome_of(CURLcode sent, long status) {
  if (sent != CURLE_OK) return Outcome::retry_after({}, curl_easy_strerror(sent));
  if (status / 100 == 2) return Outcome::done();
  const std::string reason = "the server says " + std::to_string(status);
  return status / 100 == 4 ? Outcome::refuse(reason) : Outcome::retry_after({}, reason);
}

/// Thread-safe: each call has a handle of its own.
Outcome post(const std::string& url, const Delivery& delivery) {
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  const std::string type = "Event-Type: " + delivery.event.type();
  const std::string id =
      "Event-Id: " + delivery.event.id().to_string();  // the server can tell repetitions by it
  curl_slist* headers = curl_slist_append(nullptr, type.c_str());
  headers = curl_slist_append(headers, id.c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> kept(headers, curl_slist_free_all);
  const std::string& body = delivery.event.payload();
  curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, 10'000L);
  const CURLcode sent = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  return outcome_of(sent, status);
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return std::cerr << "usage: http_bridge URL\n", 64;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::string url = arguments[1];
  auto node = Node::open({}).value();
  const auto group = Group::parse("bridge").value();
  const auto bridge = node->bus().register_listener(
      make_listener([&url](const Delivery& delivery) { return post(url, delivery); }), group,
      {.retry = {.first = std::chrono::milliseconds(10)}, .concurrency = 1});

  std::vector<EventId> dispatched;
  for (const char* text : {"first", "second", "bad", "last"}) {
    const auto receipt = node->bus().dispatch({.type = "note", .payload = text});
    if (!receipt) return std::cerr << receipt.error().message << '\n', 1;
    dispatched.push_back(receipt->event_id);
  }
  const auto lives = node->group_work().wait_over(dispatched, std::chrono::minutes(1));
  if (!lives || !std::ranges::all_of(*lives, &EventLife::over)) return 1;
  const auto dead = node->bus().dead_letters().ids(group).value();
  for (const DeadLetterId& id : dead) {
    const auto letter = node->bus().dead_letters().find(group, id).value();
    std::cout << "dead: " << letter->event.payload() << ": " << letter->attempts.back().error << '\n';
  }
  node->stop();
  curl_global_cleanup();
}
// prints: dead: bad: the server says 400
