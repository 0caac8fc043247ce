#include "work/questions.hpp"

#include <algorithm>
#include <variant>

namespace evmesh::work {

namespace {

// Header and fields of a frame, at most.
constexpr std::size_t overhead_bytes = 128;

Error gone_error(const std::string& name, std::string_view why) {
  return {ErrorCode::unknown_member, "node " + name + " is unreachable: " + std::string(why)};
}

/// Codes of a later version are not ours to name.
ErrorCode code_of(std::uint16_t code) {
  const auto known = static_cast<std::uint16_t>(ErrorCode::node_failed) + 1;
  return code > 0 && code <= known ? static_cast<ErrorCode>(code - 1) : ErrorCode::not_supported;
}

}  // namespace

Result<Questions::Number> Questions::ask(MonoTime deadline, const Life& member, std::string name,
                                         std::string operation, std::string arguments) {
  if (open_.size() >= limits_.open_max) {
    return fail(ErrorCode::busy,
                std::to_string(open_.size()) + " questions to other nodes are open; ask again later");
  }
  if (arguments.size() > limits_.arguments_bytes_max) {
    return fail(ErrorCode::invalid_argument, "a question of " + std::to_string(arguments.size()) +
                                                 " bytes; it may have " +
                                                 std::to_string(limits_.arguments_bytes_max));
  }
  const Number number = ++last_;
  open_.emplace(number, Open{member, std::move(name), deadline, 0, {}, {}});
  const std::size_t bytes = operation.size() + arguments.size() + overhead_bytes;
  unsent_.push_back(
      {member, wire::Class::control, wire::Ask{number, std::move(operation), std::move(arguments)}, bytes});
  return number;
}

std::optional<Result<std::string>> Questions::take(Number question) {
  const auto found = open_.find(question);
  if (found == open_.end() || !found->second.answer) return std::nullopt;
  auto answer = std::move(found->second.answer);
  open_.erase(found);
  return answer;
}

void Questions::tick(MonoTime now) {
  for (auto& [number, open] : open_) {
    if (open.answer || now < open.deadline) continue;
    open.answer = fail(ErrorCode::deadline_exceeded, "node " + open.name + " did not answer in time");
  }
}

void Questions::answer(const Life& to, Number number, Result<std::string> answer) {
  if (unanswered_.erase({to, number}) != 0) reply(to, number, answer);
}

void Questions::reply(const Life& to, Number number, const Result<std::string>& answer) {
  if (answer && answer->size() > limits_.answer_bytes_max) {
    return reply(
        to, number,
        fail(ErrorCode::event_too_large, "the answer has " + std::to_string(answer->size()) +
                                             " bytes, too many for another node; ask this node itself"));
  }
  const std::string& text = answer ? *answer : answer.error().message;
  const std::uint16_t code = answer ? 0 : static_cast<std::uint16_t>(answer.error().code) + 1;
  const auto parts = static_cast<std::uint32_t>(
      std::max<std::size_t>(1, (text.size() + limits_.part_bytes - 1) / limits_.part_bytes));
  for (std::uint32_t part = 0; part < parts; ++part) {
    std::string piece = text.substr(part * limits_.part_bytes, limits_.part_bytes);
    const std::size_t bytes = piece.size() + overhead_bytes;
    unsent_.push_back(
        {to, wire::Class::bulk, wire::Reply{number, code, part, parts, std::move(piece)}, bytes});
  }
}

void Questions::on_frame(const Life& from, const wire::Frame& frame) {
  if (const auto* ask = std::get_if<wire::Ask>(&frame.body)) on(from, *ask);
  if (const auto* reply = std::get_if<wire::Reply>(&frame.body)) on(from, *reply);
}

void Questions::on(const Life& from, const wire::Ask& ask) {
  if (unanswered_.size() >= limits_.open_max) {
    return reply(from, ask.request,
                 fail(ErrorCode::busy, "too many questions are being answered; ask again later"));
  }
  if (unanswered_.emplace(from, ask.request).second) {
    asked_.push_back({from, ask.request, ask.operation, ask.arguments});
  }
}

void Questions::on(const Life& from, const wire::Reply& reply) {
  const auto found = open_.find(reply.request);
  if (found == open_.end() || found->second.member != from || found->second.answer) return;
  Open& open = found->second;
  if (reply.part != open.parts || open.text.size() + reply.body.size() > limits_.answer_bytes_max) {
    open.answer = fail(ErrorCode::undecodable, "the answer of node " + open.name + " is broken; ask again");
    return;
  }
  open.text += reply.body;
  if (++open.parts < reply.parts) return;
  if (reply.code == 0) {
    open.answer = std::move(open.text);
  } else {
    open.answer = fail(code_of(reply.code), std::move(open.text));
  }
}

void Questions::gone(const Life& member, std::string_view why) {
  for (auto& [number, open] : open_) {
    if (open.member == member && !open.answer) open.answer = tl::unexpected(gone_error(open.name, why));
  }
  std::erase_if(unanswered_, [&](const auto& each) { return each.first == member; });
  std::erase_if(asked_, [&](const Asked& each) { return each.from == member; });
  std::erase_if(unsent_, [&](const Unsent& each) { return each.to == member; });
}

void Questions::give_up(std::string_view why) {
  for (auto& [number, open] : open_) {
    if (!open.answer) open.answer = fail(ErrorCode::closed, std::string(why));
  }
}

void Questions::pump(const Life& from, const Room& room, Frames& out) {
  std::map<std::pair<Life, wire::Class>, std::uint64_t> left;
  std::deque<Unsent> waiting;
  for (Unsent& each : unsent_) {
    const auto place = std::pair(each.to, each.frame_class);
    const auto found = left.try_emplace(place, 0);
    if (found.second) found.first->second = room.room_bytes(each.to, each.frame_class);
    if (found.first->second < each.bytes) {
      // What comes after it for the same member stays behind it.
      found.first->second = 0;
      waiting.push_back(std::move(each));
      continue;
    }
    found.first->second -= each.bytes;
    wire::Header header;
    header.from = from.id;
    header.from_epoch = from.epoch;
    header.to = each.to.id;
    header.to_epoch = each.to.epoch;
    out.push_back({each.to, each.frame_class, wire::encode(header, each.body)});
  }
  unsent_ = std::move(waiting);
}

}  // namespace evmesh::work
