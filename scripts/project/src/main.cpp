// Usage: @NAME@ [LISTEN [SEED...]]
// Alone without arguments, else a node of a mesh: LISTEN and SEED are endpoints like tcp://127.0.0.1:7520.
#include <iostream>
#include <memory>

#include "counting_listener.hpp"

namespace {

evmesh::NodeOptions options_of(int argument_count, char** arguments) {
  evmesh::NodeOptions options{.name = "@NAME@"};
  if (argument_count < 2) return options;
  options.mode = evmesh::Mode::broadcast;
  options.listen = arguments[1];
  options.seeds.assign(arguments + 2, arguments + argument_count);
  return options;
}

int fail(const evmesh::Error& error) {
  std::cerr << "@NAME@: " << error.message << '\n';
  return 1;
}

}  // namespace

int main(int argument_count, char** arguments) {
  auto node = evmesh::Node::open(options_of(argument_count, arguments));
  if (!node) return fail(node.error());
  evmesh::EventBus& bus = (*node)->bus();

  const auto listener = std::make_shared<CountingListener>();
  const auto counting = bus.register_listener(listener, evmesh::Group::parse("counting").value());
  if (!counting) return fail(counting.error());

  const auto receipt = bus.dispatch({.type = "letter.written", .user = "bob", .payload = "hello"});
  if (!receipt) return fail(receipt.error());

  (*node)->stop();  // lets what is owed to listeners here run first
  std::cout << "bob wrote " << listener->count("bob") << " letter\n";
}
