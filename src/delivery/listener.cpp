#include <evmesh/listener.hpp>

#include <utility>

namespace evmesh {
namespace {

class FunctionListener final : public Listener {
 public:
  FunctionListener(std::function<Outcome(const Delivery&)> handle, ListenerTraits traits)
      : handle_(std::move(handle)), traits_(std::move(traits)) {}

  [[nodiscard]] std::string name() const override { return traits_.name; }
  [[nodiscard]] ExecutionMode execution_mode() const override { return traits_.mode; }
  [[nodiscard]] bool handles(const Event& event) const override {
    return !traits_.handles || traits_.handles(event);
  }
  Outcome handle(const Delivery& delivery) override { return handle_(delivery); }
  void gap(const Gap& gap) override {
    if (traits_.gap) traits_.gap(gap);
  }

 private:
  std::function<Outcome(const Delivery&)> handle_;
  const ListenerTraits traits_;
};

}  // namespace

std::string_view to_string(GapReason reason) {
  switch (reason) {
    case GapReason::ring_overrun: return "ring_overrun";
    case GapReason::life_ended: return "life_ended";
    case GapReason::listener_overrun: return "listener_overrun";
    case GapReason::joined_late: return "joined_late";
  }
  return "unknown";
}

std::shared_ptr<Listener> make_listener(std::function<Outcome(const Delivery&)> handle,
                                        ListenerTraits traits) {
  return std::make_shared<FunctionListener>(std::move(handle), std::move(traits));
}

}  // namespace evmesh
