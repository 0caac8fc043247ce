#include "admin/stream.hpp"

#include <utility>

#include <fnmatch.h>

#include "event/json_text.hpp"
#include "event/json_view.hpp"

namespace evmesh::admin {
namespace {

class StreamListener final : public Listener {
 public:
  StreamListener(std::shared_ptr<StreamBuffer> buffer, StreamFilter filter)
      : buffer_(std::move(buffer)), filter_(std::move(filter)) {}

  std::string name() const override { return "stream"; }

  bool handles(const Event& event) const override {
    return filter_.type_glob.empty() || ::fnmatch(filter_.type_glob.c_str(), event.type().c_str(), 0) == 0;
  }

  Outcome handle(const Delivery& delivery) override {
    buffer_->push(stream_line(delivery, filter_.bus));
    return Outcome::done();
  }

  void gap(const Gap& gap) override { buffer_->push(gap_line(gap, filter_.bus)); }

 private:
  const std::shared_ptr<StreamBuffer> buffer_;  // shared: a running call may outlive the connection
  const StreamFilter filter_;
};

}  // namespace

StreamBuffer::StreamBuffer(std::size_t bytes_max, std::atomic<std::uint64_t>& dropped_total)
    : bytes_max_(bytes_max), dropped_total_(dropped_total) {}

void StreamBuffer::drop_oldest() {
  bytes_ -= lines_.front().size();
  lines_.pop_front();
  ++dropped_;
  dropped_total_.fetch_add(1, std::memory_order_relaxed);
}

void StreamBuffer::push(std::string line) {
  line += '\n';
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  while (!lines_.empty() && bytes_ + line.size() > bytes_max_) drop_oldest();
  bytes_ += line.size();
  lines_.push_back(std::move(line));
  changed_.notify_one();
}

std::optional<std::string> StreamBuffer::pop(std::size_t bytes_max, std::chrono::milliseconds keep_alive) {
  std::unique_lock lock(mutex_);
  const auto something = [&] { return closed_ || !lines_.empty() || !begun_.empty(); };
  changed_.wait_for(lock, keep_alive, [&] { return something() || probed_; });
  probed_ = false;
  if (!something()) return "\n";
  if (begun_.empty() && dropped_ != 0) {
    begun_ = R"({"gap":{"reason":"stream_overrun","dropped":)" + std::to_string(std::exchange(dropped_, 0)) +
             "}}\n";
  }
  // What was begun goes first, then as many lines as fit.
  std::string piece = std::move(begun_);
  begun_.clear();
  while (!lines_.empty() && (piece.empty() || piece.size() + lines_.front().size() <= bytes_max)) {
    bytes_ -= lines_.front().size();
    piece += lines_.front();
    lines_.pop_front();
  }
  if (piece.empty()) return std::nullopt;
  if (piece.size() > bytes_max) {
    begun_ = piece.substr(bytes_max);
    piece.resize(bytes_max);
  }
  return piece;
}

void StreamBuffer::probe() {
  const std::lock_guard lock(mutex_);
  probed_ = true;
  changed_.notify_all();
}

void StreamBuffer::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::shared_ptr<Listener> make_stream_listener(std::shared_ptr<StreamBuffer> buffer, StreamFilter filter) {
  return std::make_shared<StreamListener>(std::move(buffer), std::move(filter));
}

std::string stream_line(const Delivery& delivery, const std::string& bus) {
  std::string line = event::to_json_view(delivery.event);
  line.pop_back();  // the closing brace: more members follow
  line += R"(,"bus":)";
  event::append_json_string(line, bus);
  if (delivery.key != nullptr) {
    line += R"(,"key":)";
    event::append_json_string(line, delivery.key->to_string());
  }
  if (delivery.origin != nullptr) {
    line += R"(,"origin":{"publisher":")" + delivery.origin->publisher.to_string() + R"(","epoch":)" +
            std::to_string(delivery.origin->epoch) + R"(,"seq":)" + std::to_string(delivery.origin->seq) +
            '}';
  }
  return line + '}';
}

std::string gap_line(const Gap& gap, const std::string& bus) {
  std::string line = R"({"gap":{"bus":)";
  event::append_json_string(line, bus);
  line += R"(,"publisher":")" + gap.publisher.to_string() + R"(","epoch":)" + std::to_string(gap.epoch) +
          R"(,"from":)" + std::to_string(gap.from) + R"(,"to":)" +
          (gap.to ? std::to_string(*gap.to) : "null") + R"(,"reason":")";
  return line.append(to_string(gap.reason)) + "\"}}";
}

}  // namespace evmesh::admin
