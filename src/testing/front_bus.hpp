#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <evmesh/bus.hpp>

#include "bus/letter_box.hpp"
#include "testing/process.hpp"

namespace evmesh::testing {

/// A bus of a node as its program sees it, through all lives: it passes on to the process there is. Thread-bound.
class FrontBus final : public EventBus {
 public:
  FrontBus(World& world, Host& host, std::size_t bus);

  [[nodiscard]] const std::string& name() const override;
  using EventBus::dispatch;
  using EventBus::register_each_node;
  using EventBus::register_listener;
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener,
                                                       std::span<const RegistrationKey> keys,
                                                       RegisterOptions options) override;
  [[nodiscard]] Result<Registration> register_listener(std::shared_ptr<Listener> listener, const Group& group,
                                                       GroupOptions options) override;
  [[nodiscard]] Result<Registration> register_each_node(std::shared_ptr<Listener> listener,
                                                        RegisterOptions options) override;
  [[nodiscard]] Result<Receipt> dispatch(const Event& event, std::span<const RegistrationKey> keys) override;
  [[nodiscard]] Result<Receipt> dispatch(std::span<const KeyedEvent> batch) override;
  [[nodiscard]] Result<void> dispatch_async(Event event, std::vector<RegistrationKey> keys,
                                            std::function<void(Result<Receipt>)> done) override;
  [[nodiscard]] SeenBy wait_seen(const Receipt& receipt, std::chrono::milliseconds timeout) override;
  [[nodiscard]] Result<void> redeliver(const Group& group, const Event& event) override;
  [[nodiscard]] std::vector<Group> groups() const override;
  [[nodiscard]] DeadLetters& dead_letters() override { return letters_; }
  void close() override;
  [[nodiscard]] Result<void> drain(std::chrono::milliseconds timeout) override;
  void stop() override;


 private:
  [[nodiscard]] Result<std::shared_ptr<Process>> process() const;
  [[nodiscard]] Result<Registration> enrol(std::shared_ptr<Place> place, const RegisterOptions& options);

  World& world_;
  Host& host_;
  const std::size_t bus_;
  /// Passes on to the box that the node has now.
  class Letters final : public DeadLetters {
   public:
    Letters(Host& host, std::string bus) : host_(host), bus_(std::move(bus)) {}
    Result<DeadLetterId> store(const Group& group, const Event& event, std::vector<RegistrationKey> keys,
                               std::vector<Attempt> attempts) override {
      return now().store(group, event, std::move(keys), std::move(attempts));
    }
    Result<bool> remove(const Group& group, const DeadLetterId& id) override { return now().remove(group, id); }
    Result<std::uint64_t> remove(const Group& group) override { return now().remove(group); }
    Result<std::optional<DeadLetter>> find(const Group& group, const DeadLetterId& id) const override {
      return now().find(group, id);
    }
    Result<std::vector<DeadLetterId>> ids(const Group& group) const override { return now().ids(group); }
    Result<std::vector<Group>> groups() const override { return now().groups(); }
    Result<bool> empty() const override { return now().empty(); }

   private:
    [[nodiscard]] bus::BusDeadLetters now() const { return {*host_.disk.letters, bus_}; }
    Host& host_;
    const std::string bus_;
  };
  Letters letters_;
};

}  // namespace evmesh::testing
