#include "evmesh-maildir/move_detection.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace evmesh::maildir {
namespace {

auto by_base(const Located& message) { return message.base; }
auto by_file(const Located& message) {
  return std::tuple(message.file.inode, message.file.size, message.file.modified);
}

class Matcher {
 public:
  Matcher(const std::vector<Located>& missing, const std::vector<Located>& appeared)
      : missing_(missing), appeared_(appeared), from_used_(missing.size()), to_used_(appeared.size()) {}

  template <class Key>
  void match(Key key) {
    std::multimap<decltype(key(missing_[0])), std::size_t> by_key;
    for (std::size_t from = 0; from < missing_.size(); ++from) {
      if (!from_used_[from]) by_key.emplace(key(missing_[from]), from);
    }
    for (std::size_t to = 0; to < appeared_.size(); ++to) {
      if (to_used_[to]) continue;
      const auto [first, last] = by_key.equal_range(key(appeared_[to]));
      const auto source = std::find_if(first, last, [&](const auto& entry) {
        return !from_used_[entry.second] && missing_[entry.second].folder != appeared_[to].folder;
      });
      if (source != last) take(source->second, to);
    }
  }

  std::vector<Move> moves() {
    std::sort(moves_.begin(), moves_.end(), [](const Move& a, const Move& b) { return a.to < b.to; });
    return std::move(moves_);
  }

 private:
  void take(std::size_t from, std::size_t to) {
    from_used_[from] = true;
    to_used_[to] = true;
    moves_.push_back({from, to});
  }

  const std::vector<Located>& missing_;
  const std::vector<Located>& appeared_;
  std::vector<bool> from_used_;
  std::vector<bool> to_used_;
  std::vector<Move> moves_;
};

}  // namespace

std::vector<Move> find_moves(const std::vector<Located>& missing, const std::vector<Located>& appeared) {
  if (missing.empty() || appeared.empty()) return {};
  Matcher matcher(missing, appeared);
  matcher.match(by_base);
  matcher.match(by_file);
  return matcher.moves();
}

}  // namespace evmesh::maildir
