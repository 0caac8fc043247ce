#include <algorithm>
#include <utility>
#include <variant>

#include "base/limits.hpp"
#include "bus/engine.hpp"

// Operators' questions between nodes, on the engine's links.

namespace evmesh::bus {

using work::Questions;

/// Under mutex_. The number of the question, or why it cannot be put.
Result<Questions::Number> Engine::put(const Member& member, MonoTime deadline, std::string_view operation,
                                      std::string arguments) {
  if (auto good = usable(); !good) return tl::unexpected(good.error());
  const wire::Life life{member.id, member.epoch};
  if (member.state == MemberState::dead || !core_.link_of(life)) {
    const std::string why = member.reason.empty() ? "there is no link to it yet" : member.reason;
    return fail(ErrorCode::unknown_member, "node " + member.name + " is unreachable: " + why);
  }
  return questions_.ask(deadline, life, member.name, std::string(operation), std::move(arguments));
}

std::vector<Asker::Answered> Engine::ask(std::string_view operation, const Arguments& arguments,
                                         std::chrono::milliseconds timeout) {
  Lock lock(mutex_);
  const MonoTime deadline = clock_.now() + timeout;
  std::vector<Answered> answers;
  std::vector<std::pair<std::size_t, Questions::Number>> open;
  for (const Member& member : core_.members(clock_.now())) {
    if (member.self || member.state == MemberState::left) continue;
    auto text = arguments(member.id);
    if (!text) continue;
    const auto number = put(member, deadline, operation, std::move(*text));
    if (number) open.emplace_back(answers.size(), *number);
    answers.push_back(
        {member.id, member.name, number ? Result<std::string>() : tl::unexpected(number.error())});
  }
  if (!open.empty()) hand_over(lock);
  for (const auto& [place, number] : open) answers[place].answer = wait_answer(lock, number, deadline);
  return answers;
}

Result<std::string> Engine::wait_answer(Lock& lock, Questions::Number number, MonoTime deadline) {
  for (;;) {
    const MonoTime now = clock_.now();
    questions_.tick(now);
    if (auto answer = questions_.take(number)) return *std::move(answer);
    if (failure_ || stopping_)
      questions_.give_up("this node has stopped");
    else
      answered_.wait_for(lock, std::max(deadline - now, MonoTime::duration{1}));
  }
}

void Engine::answer(const wire::Life& to, Questions::Number number, Result<std::string> answer) {
  Lock lock(mutex_);
  questions_.answer(to, number, std::move(answer));
  if (questions_.wants_pump() && usable()) hand_over(lock);
}

/// Under mutex_.
void Engine::on_question_frame(const wire::Life& from, const wire::Frame& frame) {
  questions_.on_frame(from, frame);
  if (std::holds_alternative<wire::Reply>(frame.body)) return answered_.notify_all();
  auto asked = questions_.asked();
  if (!asked.empty() && options_.on_questions) options_.on_questions(std::move(asked));
  // Refusals go out at once.
  if (questions_.wants_pump()) waiting_work_ = true;
}

/// Under mutex_.
void Engine::member_gone(const wire::Life& life, std::string_view why) {
  questions_.gone(life, why);
  answered_.notify_all();
}

}  // namespace evmesh::bus
