// An event type of one's own with its codec: the node that dispatches hands the object itself to its
// listeners, and other nodes get the bytes of `encode`.
#include <charconv>
#include <evmesh/evmesh.hpp>
#include <iostream>

namespace {

struct OrderPlaced final : evmesh::EventBody {
  static constexpr const char* type = "order.placed.v1";

  OrderPlaced(std::string customer, std::uint64_t cents) : customer(std::move(customer)), cents(cents) {}

  [[nodiscard]] Encoded encode(evmesh::PayloadFormat) const override {
    return {evmesh::PayloadFormat::raw, std::to_string(cents) + ' ' + customer};
  }
  [[nodiscard]] std::optional<std::uint64_t> encoded_bytes_max() const override {
    return customer.size() + 21;
  }

  const std::string customer;
  const std::uint64_t cents;
};

/// The order of an event, from the object or from its bytes; null when they are no order.
std::shared_ptr<const OrderPlaced> order_of(const evmesh::Event& event) {
  if (auto order = std::dynamic_pointer_cast<const OrderPlaced>(event.body())) return order;
  const std::string& bytes = event.payload();
  std::uint64_t cents = 0;
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), cents);
  if (event.type() != OrderPlaced::type || error != std::errc{} || end == bytes.data() + bytes.size())
    return nullptr;
  return std::make_shared<OrderPlaced>(std::string(end + 1, bytes.data() + bytes.size()), cents);
}

auto told_by(const char* node) {
  return evmesh::make_listener([node](const evmesh::Delivery& delivery) {
    const auto order = order_of(delivery.event);
    if (!order) return evmesh::Outcome::refuse("this is no order");
    const char* how = delivery.event.body() ? " (the object)" : " (decoded)";
    std::cout << std::string(node) + ": " + order->customer + " pays " + std::to_string(order->cents) + how +
                     '\n';
    return evmesh::Outcome::done();
  });
}

}  // namespace

int main() {
  using namespace evmesh;
  auto shop =
      Node::open({.name = "shop", .mode = Mode::scale_efficient, .listen = "tcp://127.0.0.1:0"}).value();
  auto till = Node::open({.name = "till",
                          .mode = Mode::scale_efficient,
                          .listen = "tcp://127.0.0.1:0",
                          .seeds = {shop->status().listen}})
                  .value();
  const auto orders = RegistrationKey::make("Topic", "orders").value();
  const auto at_shop = shop->bus().register_listener(told_by("shop"), orders);
  const auto at_till = till->bus().register_listener(told_by("till"), orders);

  const auto receipt = shop->bus().dispatch(
      {.type = OrderPlaced::type, .body = std::make_shared<OrderPlaced>("carol", 1250)}, orders);

  if (!receipt || !shop->bus().wait_seen(*receipt, std::chrono::seconds(30)).complete()) return 1;
  till->stop();
  shop->stop();
}
// prints: shop: carol pays 1250 (the object)
// prints: till: carol pays 1250 (decoded)
