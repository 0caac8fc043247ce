#include "admin/group_stream.hpp"

#include <utility>

#include <fnmatch.h>

#include "event/json_text.hpp"

namespace evmesh::admin {

namespace {

Outcome went_away() {
  return Outcome::retry_after(std::chrono::milliseconds{0}, "the program that listened went away");
}

}  // namespace

std::optional<std::uint64_t> Deliveries::open(const void* owner) {
  const std::lock_guard lock(mutex_);
  if (closed_.count(owner) != 0) return std::nullopt;
  waiting_.emplace(++last_, Waiting{owner, std::nullopt});
  return last_;
}

Outcome Deliveries::wait(std::uint64_t number, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  Waiting& waiting = waiting_.at(number);
  answered_.wait(lock, stop, [&] { return waiting.outcome.has_value(); });
  Outcome outcome =
      waiting.outcome.value_or(Outcome::retry_after(std::chrono::milliseconds{0}, "not answered in time"));
  waiting_.erase(number);
  return outcome;
}

bool Deliveries::answer(std::uint64_t number, Outcome outcome) {
  const std::lock_guard lock(mutex_);
  const auto found = waiting_.find(number);
  if (found == waiting_.end() || found->second.outcome) return false;
  found->second.outcome = std::move(outcome);
  answered_.notify_all();
  return true;
}

void Deliveries::close(const void* owner) {
  const std::lock_guard lock(mutex_);
  closed_.insert(owner);
  for (auto& [number, waiting] : waiting_) {
    if (waiting.owner == owner && !waiting.outcome) waiting.outcome = went_away();
  }
  answered_.notify_all();
}

void Deliveries::forget(const void* owner) {
  const std::lock_guard lock(mutex_);
  closed_.erase(owner);
}

GroupStream::GroupStream(std::shared_ptr<Deliveries> deliveries, std::shared_ptr<StreamBuffer> buffer,
                         StreamFilter filter)
    : deliveries_(std::move(deliveries)), buffer_(std::move(buffer)), filter_(std::move(filter)) {}

bool GroupStream::handles(const Event& event) const {
  return filter_.type_glob.empty() || ::fnmatch(filter_.type_glob.c_str(), event.type().c_str(), 0) == 0;
}

Outcome GroupStream::handle(const Delivery& delivery) {
  const auto number = deliveries_->open(this);
  if (!number) return went_away();
  std::string line = stream_line(delivery, filter_.bus);
  line.pop_back();  // the closing brace: more members follow
  line += R"(,"group":)";
  event::append_json_string(line, delivery.group->to_string());
  line += R"(,"attempt":)" + std::to_string(delivery.attempt) + R"(,"possibly_duplicate":)" +
          (delivery.possibly_duplicate ? "true" : "false") + R"(,"delivery":)" + std::to_string(*number) +
          '}';
  buffer_->push(std::move(line));
  return deliveries_->wait(*number, delivery.stop);
}

}  // namespace evmesh::admin
