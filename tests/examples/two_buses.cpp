// Two buses of one node: isolated from each other, with one set of threads and, in a mesh, one set of
// sockets.
#include <evmesh/evmesh.hpp>
#include <iostream>

int main() {
  using namespace evmesh;
  auto node = Node::open({.delivery = DeliveryModel::synchronous, .buses = {"mail", "billing"}}).value();
  EventBus& mail = *node->bus("mail").value();
  EventBus& billing = *node->bus("billing").value();

  const auto bob = RegistrationKey::make("User", "bob").value();
  const auto on_mail = mail.register_listener(
      make_listener([](const Delivery& d) { std::cout << "mail: " + d.event.type() + '\n'; }), bob);
  const auto on_billing = billing.register_listener(
      make_listener([](const Delivery& d) { std::cout << "billing: " + d.event.type() + '\n'; }), bob);

  static_cast<void>(mail.dispatch({.type = "letter.added"}, bob));
  static_cast<void>(billing.dispatch({.type = "invoice.sent"}, bob));
  const auto unknown = node->bus("calendar");
  std::cout << "calendar: " << unknown.error().message << '\n';
}
// prints: mail: letter.added
// prints: billing: invoice.sent
// prints: calendar: no bus is called "calendar"; there are "mail", "billing"
