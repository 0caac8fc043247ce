#include "bus/answer_desk.hpp"

#include <utility>

namespace evmesh::bus {

namespace {

/// Answers that are looked up at the same time.
constexpr std::uint32_t at_once = 4;

}  // namespace

class AnswerDesk::Job final : public delivery::Runnable {
 public:
  Job(AnswerDesk& desk, Asked question) : desk_(desk), question_(std::move(question)) {}

  void run() override { desk_.run(question_); }

 private:
  AnswerDesk& desk_;
  const Asked question_;
};

AnswerDesk::AnswerDesk(delivery::Pool& pool, Answer answer, Send send)
    : pool_(pool), answer_(std::move(answer)), send_(std::move(send)), lane_(pool.open_lane(at_once)) {}

AnswerDesk::~AnswerDesk() { stop(); }

void AnswerDesk::take(std::vector<Asked> questions) {
  for (Asked& question : questions) {
    // When the pool takes nothing any more the node is stopping, and whoever asked hears of that.
    static_cast<void>(pool_.submit(lane_, std::make_shared<Job>(*this, std::move(question))));
  }
}

void AnswerDesk::run(const Asked& question) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    ++running_;
  }
  send_(question, answer_(question.operation, question.arguments));
  const std::lock_guard lock(mutex_);
  --running_;
  changed_.notify_all();
}

void AnswerDesk::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  changed_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace evmesh::bus
