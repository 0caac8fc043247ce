#include <evmesh/evmesh.hpp>
#include <iostream>

int main() {
  using namespace evmesh;
  // Two members of a mesh in one process; elsewhere they are two programs on two machines.
  auto a = Node::open({.name = "a", .mode = Mode::broadcast, .listen = "tcp://127.0.0.1:0"}).value();
  auto b = Node::open({.name = "b", .mode = Mode::broadcast, .listen = "tcp://127.0.0.1:0",
                       .seeds = {a->status().listen}}).value();

  const auto inbox = RegistrationKey::make("MailboxPath", "bob/INBOX").value();
  auto idle = b->bus().register_listener(
      make_listener([](const Delivery& d) { std::cout << "b hears " + d.event.payload() + '\n'; }), inbox);
  auto index = a->bus().register_listener(
      make_listener([](const Delivery& d) { std::cout << "indexing for " + d.event.user() + '\n'; }),
      Group::parse("search-index").value());

  const Event mail({.type = "mail.added", .user = "bob", .payload = "a letter"});
  const auto receipt = a->bus().dispatch(mail, inbox);  // a value or an error, never an exception
  if (!receipt) return std::cerr << receipt.error().message << '\n', 1;
  for (const auto& peer : a->bus().wait_seen(*receipt, std::chrono::seconds(30)).peers)
    std::cout << peer.name + (peer.seen ? " has it\n" : " has not answered\n");
  a->stop();  // lets waiting and running listeners end first
  b->stop();
}
