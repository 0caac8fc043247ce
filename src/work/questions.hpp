#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <evmesh/result.hpp>

#include "work/mesh_types.hpp"

namespace evmesh::work {

/// What operators' questions may need. Value.
struct QuestionLimits {
  std::size_t open_max = 64;                ///< questions of this node without an answer; and of others here
  std::size_t part_bytes = 64 << 10;        ///< of an answer, in one frame
  std::size_t answer_bytes_max = 16 << 20;  ///< of an answer
  std::size_t arguments_bytes_max = 60 << 10;  ///< of a question
};

/// Operators' questions between two nodes: this node's own to others, and those of others to it. An answer
/// comes in parts over an ordered link; a question ends with its answer, at its deadline, or when the member
/// is gone. Asking again is for whoever asked: a question is never repeated. Pure; not thread-safe.
class Questions {
 public:
  /// Names a question of this node; never used twice in its life.
  using Number = std::uint64_t;

  explicit Questions(QuestionLimits limits = {}) : limits_(limits) {}

  // This node's questions.

  /// Errors: busy (too many are open), invalid_argument (the arguments are too long).
  [[nodiscard]] Result<Number> ask(MonoTime deadline, const Life& member, std::string name,
                                   std::string operation, std::string arguments);

  /// The answer, once: what the member said, or deadline_exceeded, or unknown_member when it is gone, or
  /// undecodable. Empty while it is open.
  [[nodiscard]] std::optional<Result<std::string>> take(Number question);

  /// Ends what is due.
  void tick(MonoTime now);

  // The questions of others.

  struct Asked {
    Life from;
    Number number = 0;
    std::string operation;
    std::string arguments;
  };

  /// What is to be answered; fetched once. What is too much was answered with busy.
  [[nodiscard]] std::vector<Asked> asked() { return std::exchange(asked_, {}); }

  /// Ignored when the member has gone meanwhile.
  void answer(const Life& to, Number number, Result<std::string> answer);

  // The link.

  void on_frame(const Life& from, const wire::Frame& frame);
  /// Of this life nothing comes any more, for now or for ever.
  void gone(const Life& member, std::string_view why);
  /// This node asks nobody any more.
  void give_up(std::string_view why);
  /// Appends what can be sent now. `from` fills the headers.
  void pump(const Life& from, const Room& room, Frames& out);
  [[nodiscard]] bool wants_pump() const { return !unsent_.empty(); }

 private:
  struct Open {
    Life member;
    std::string name;
    MonoTime deadline;
    std::uint32_t parts = 0;  // that came
    std::string text;
    std::optional<Result<std::string>> answer;
  };
  struct Unsent {
    Life to;
    wire::Class frame_class;
    wire::Body body;
    std::size_t bytes;
  };

  void on(const Life& from, const wire::Ask& ask);
  void on(const Life& from, const wire::Reply& reply);
  void reply(const Life& to, Number number, const Result<std::string>& answer);

  const QuestionLimits limits_;
  Number last_ = 0;
  std::map<Number, Open> open_;
  std::vector<Asked> asked_;
  std::set<std::pair<Life, Number>> unanswered_;  // of others
  std::deque<Unsent> unsent_;
};

}  // namespace evmesh::work
