// The vectors of src/event/README.md are the bytes that this build writes.
#include <fstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "event/mailbox_binary.hpp"
#include "samples.hpp"

using namespace evmesh;
using namespace evmesh::event;
using namespace evmesh::test;

namespace {

constexpr std::size_t text_column = 50;

/// What stands in the blocks of the page, without the explanations beside it.
std::vector<std::string> vectors() {
  std::ifstream page(EVMESH_EVENT_README);
  std::vector<std::string> found;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```hex";
      if (inside) found.emplace_back();
      continue;
    }
    if (!inside) continue;
    for (const char c : line.substr(0, text_column)) {
      if (c != ' ') found.back() += c;
    }
  }
  return found;
}

std::string hex(const mailbox::MailboxEvent& event) {
  std::string bytes;
  append_mailbox_binary(bytes, event);
  std::string digits;
  for (const char c : bytes) {
    constexpr std::string_view all = "0123456789abcdef";
    digits += {all[static_cast<std::uint8_t>(c) >> 4], all[static_cast<std::uint8_t>(c) & 15]};
  }
  return digits;
}

}  // namespace

TEST_CASE("the page on payloads shows the bytes that are written", "[mailbox][binary]") {
  CHECK(vectors() == std::vector<std::string>{hex(mailbox_added()),
                                              hex(added(mailbox::by_uid({message(11)}))),
                                              hex(move({"30"}, {"33"}))});
}
