// An event type of one's own with its codec: the node that dispatches hands the object itself to its listeners,
// other nodes get the bytes of `encode`, and their listeners what the decoder makes of these.
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
  /// Never trusts the bytes: anybody in the mesh may have sent them.
  static evmesh::Result<std::shared_ptr<const evmesh::EventBody>> decode(const evmesh::Event& event) {
    const std::string& bytes = event.payload();
    std::uint64_t cents = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), cents);
    if (error != std::errc{} || end == bytes.data() + bytes.size())
      return evmesh::fail(evmesh::ErrorCode::undecodable, "this is no order");
    return std::make_shared<OrderPlaced>(std::string(end + 1, bytes.data() + bytes.size()), cents);
  }

  const std::string customer;
  const std::uint64_t cents;
};

auto told_by(const char* node) {
  return evmesh::make_listener([node](const evmesh::Delivery& delivery) {
    const auto order = delivery.event.as<OrderPlaced>();
    if (!order) {
      const auto why = delivery.event.undecodable();
      std::cout << std::string(node) + ": " + (why ? why->message : "something else") + '\n';
      return evmesh::Outcome::refuse("no order");
    }
    const char* how = delivery.event.body() ? " (the object)" : " (decoded)";
    std::cout << std::string(node) + ": " + order->customer + " pays " + std::to_string(order->cents) + how +
                     '\n';
    return evmesh::Outcome::done();
  });
}

evmesh::NodeOptions options(const char* name) {
  return {.name = name,
          .mode = evmesh::Mode::scale_efficient,
          .listen = "tcp://127.0.0.1:0",
          .decoders = {{OrderPlaced::type, OrderPlaced::decode}}};
}

}  // namespace

int main() {
  using namespace evmesh;
  auto shop = Node::open(options("shop")).value();
  auto till_options = options("till");
  till_options.seeds = {shop->status().listen};
  auto till = Node::open(till_options).value();
  const auto orders = RegistrationKey::make("Topic", "orders").value();
  const auto at_shop = shop->bus().register_listener(told_by("shop"), orders);
  const auto at_till = till->bus().register_listener(told_by("till"), orders);

  const auto order = shop->bus().dispatch(
      {.type = OrderPlaced::type, .body = std::make_shared<OrderPlaced>("carol", 1250)}, orders);
  const auto nonsense = till->bus().dispatch({.type = OrderPlaced::type, .payload = "gimme"}, orders);

  constexpr std::chrono::seconds patience(30);
  if (!order || !shop->bus().wait_seen(*order, patience).complete()) return 1;
  if (!nonsense || !till->bus().wait_seen(*nonsense, patience).complete()) return 1;
  till->stop();
  shop->stop();
}
// prints: shop: carol pays 1250 (the object)
// prints: till: carol pays 1250 (decoded)
// prints: shop: the payload of "order.placed.v1" cannot be decoded: this is no order
// prints: till: the payload of "order.placed.v1" cannot be decoded: this is no order
