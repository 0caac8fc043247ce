#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "delivery/pool.hpp"
#include "work/questions.hpp"

namespace evmesh::bus {

/// Answers other nodes' questions on threads of the pool, a few at once. Thread-safe.
class AnswerDesk {
 public:
  using Asked = work::Questions::Asked;
  /// May block. Does not throw.
  using Answer =
      std::function<Result<std::string>(const std::string& operation, const std::string& arguments)>;
  using Send = std::function<void(const Asked& question, Result<std::string> answer)>;

  /// `pool` outlives the desk.
  AnswerDesk(delivery::Pool& pool, Answer answer, Send send);

  /// As `stop`.
  ~AnswerDesk();
  AnswerDesk(const AnswerDesk&) = delete;
  AnswerDesk& operator=(const AnswerDesk&) = delete;

  /// Returns at once.
  void take(std::vector<Asked> questions);

  /// What waits is dropped; waits for what is being answered. Idempotent.
  void stop();

 private:
  class Job;

  void run(const Asked& question);

  delivery::Pool& pool_;
  const Answer answer_;
  const Send send_;
  const std::shared_ptr<delivery::Pool::Lane> lane_;

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::size_t running_ = 0;
  bool stopped_ = false;
};

}  // namespace evmesh::bus
