#include "evmesh-maildir/move_detection.hpp"

#include <chrono>

#include <catch2/catch.hpp>

using namespace evmesh::maildir;

namespace {

Located at(const std::string& folder, const std::string& base, std::uint64_t inode, std::uint64_t size = 1) {
  return {folder, base, FileFacts{inode, size, evmesh::mailbox::Instant{std::chrono::seconds{5}}}};
}

}  // namespace

TEST_CASE("a message of the same base name in another folder is moved", "[maildir][move]") {
  CHECK(find_moves({at("a", "1", 10)}, {at("b", "1", 99)}) == std::vector<Move>{{0, 0}});
}

TEST_CASE("a file of the same inode, size and time in another folder is moved", "[maildir][move]") {
  CHECK(find_moves({at("a", "1", 10)}, {at("b", "2", 10)}) == std::vector<Move>{{0, 0}});
}

TEST_CASE("an inode number that was given again is no move", "[maildir][move]") {
  CHECK(find_moves({at("a", "1", 10, 7)}, {at("b", "2", 10, 8)}).empty());
}

TEST_CASE("another name in the same folder is no move", "[maildir][move]") {
  CHECK(find_moves({at("a", "1", 10)}, {at("a", "2", 10)}).empty());
}

TEST_CASE("each message is in one move at most, and the base name counts first", "[maildir][move]") {
  const auto moves = find_moves({at("a", "1", 10), at("a", "2", 20)},
                                {at("b", "x", 10), at("b", "1", 30), at("c", "1", 40), at("c", "2", 20)});

  CHECK(moves == std::vector<Move>{{0, 1}, {1, 3}});
}
